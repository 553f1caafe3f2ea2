//! Server reflection, v1 and v1alpha: lists the services and messages for clients.
//!
//! `tonic-reflection` has the messages and the server's glue. Its own service ends the stream at
//! the first request that it can't answer. The protocol demands an error response instead, after
//! which the client may continue.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    OneofDescriptorProto,
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use tonic_reflection::pb::{v1, v1alpha};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::v1alpha as alpha;

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The two versions of the service.
pub(crate) fn services() -> (ServerReflectionServer<Reflection>, alpha::ServerReflectionServer<Reflection>) {
    let reflection = Reflection(Arc::new(Index::new(&[
        carlo_wire::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        v1::FILE_DESCRIPTOR_SET,
        v1alpha::FILE_DESCRIPTOR_SET,
    ])));
    let alpha = alpha::ServerReflectionServer::new(reflection.clone());
    (ServerReflectionServer::new(reflection), alpha)
}

/// Answers reflection requests.
#[derive(Debug, Clone)]
pub(crate) struct Reflection(Arc<Index>);

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = Responses<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let index = Arc::clone(&self.0);
        let answers = request.into_inner().map(move |request| request.map(|request| index.answer(request)));
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tonic::async_trait]
impl alpha::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Responses<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let index = Arc::clone(&self.0);
        let answer = move |request: Result<v1alpha::ServerReflectionRequest, Status>| {
            translated(&index.answer(translated(&request?)?))
        };
        Ok(Response::new(Box::pin(request.into_inner().map(answer))))
    }
}

/// Converts a message to the other version. Both have the same fields with the same numbers.
fn translated<T: Message + Default>(message: &impl Message) -> Result<T, Status> {
    T::decode(message.encode_to_vec().as_slice()).map_err(|error| Status::internal(error.to_string()))
}

/// Files and symbols by name.
#[derive(Debug, Default)]
struct Index {
    /// Encoded files by name.
    files: BTreeMap<String, Vec<u8>>,
    /// The file of each symbol.
    symbols: BTreeMap<String, String>,
    services: Vec<String>,
}

impl Index {
    fn new(descriptors: &[&[u8]]) -> Self {
        let mut index = Self::default();
        for set in descriptors {
            let set =
                FileDescriptorSet::decode(*set).expect("the descriptors were compiled into this program");
            set.file.iter().for_each(|file| index.add(file));
        }
        index
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        let package = file.package();
        for service in &file.service {
            let name = qualified(package, service.name());
            self.services.push(name.clone());
            for method in &service.method {
                self.symbol(file, qualified(&name, method.name()));
            }
            self.symbol(file, name);
        }
        file.message_type.iter().for_each(|message| self.message(file, package, message));
        file.enum_type.iter().for_each(|item| self.enumeration(file, package, item));
        self.files.insert(file.name().to_owned(), file.encode_to_vec());
    }

    fn message(&mut self, file: &FileDescriptorProto, scope: &str, message: &DescriptorProto) {
        let name = qualified(scope, message.name());
        message.nested_type.iter().for_each(|nested| self.message(file, &name, nested));
        message.enum_type.iter().for_each(|nested| self.enumeration(file, &name, nested));
        let fields = message.field.iter().map(FieldDescriptorProto::name);
        let oneofs = message.oneof_decl.iter().map(OneofDescriptorProto::name);
        for member in fields.chain(oneofs) {
            self.symbol(file, qualified(&name, member));
        }
        self.symbol(file, name);
    }

    fn enumeration(&mut self, file: &FileDescriptorProto, scope: &str, item: &EnumDescriptorProto) {
        let name = qualified(scope, item.name());
        for value in &item.value {
            self.symbol(file, qualified(&name, value.name()));
        }
        self.symbol(file, name);
    }

    fn symbol(&mut self, file: &FileDescriptorProto, name: String) {
        self.symbols.insert(name, file.name().to_owned());
    }

    fn answer(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let answer = match &request.message_request {
            None => Err((Code::InvalidArgument, "the request is empty".to_owned())),
            Some(MessageRequest::FileByFilename(name)) => self.file(name),
            Some(MessageRequest::FileContainingSymbol(symbol)) => {
                let symbol = symbol.trim_start_matches('.');
                let unknown = || (Code::NotFound, format!("there is no symbol {symbol}"));
                self.symbols.get(symbol).ok_or_else(unknown).and_then(|file| self.file(file))
            }
            Some(MessageRequest::FileContainingExtension(_)) => {
                Err((Code::NotFound, "there are no extensions".to_owned()))
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => {
                Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: Vec::new(),
                }))
            }
            Some(MessageRequest::ListServices(_)) => {
                let service = self.services.iter().map(|name| ServiceResponse { name: name.clone() });
                Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service: service.collect() }))
            }
        };
        let answer = answer.unwrap_or_else(|(code, error_message)| {
            MessageResponse::ErrorResponse(ErrorResponse { error_code: code.into(), error_message })
        });
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(answer),
        }
    }

    fn file(&self, name: &str) -> Result<MessageResponse, (Code, String)> {
        let unknown = || (Code::NotFound, format!("there is no file {name}"));
        let file = self.files.get(name).ok_or_else(unknown)?;
        Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: vec![file.clone()],
        }))
    }
}

fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
