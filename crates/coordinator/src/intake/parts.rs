//! Counts the parts of a message without decoding it. The descriptors of `proto/` tell which fields
//! contain messages.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet};
use tonic::Status;

/// The limit on nested messages and repeated strings in one message: three times what the largest
/// batch has.
const PARTS_MAX: usize = 60_000;
/// The limit on nesting.
const DEPTH_MAX: usize = 32;

/// The methods of all services by path, and their request messages.
pub(super) struct Methods {
    methods: HashMap<String, Method>,
    messages: Vec<Fields>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Method {
    /// Whether the caller sends a stream.
    pub(super) is_stream: bool,
    input: usize,
}

/// The fields of a message that count, by number, and the nested message of each, if it has one.
type Fields = HashMap<u64, Option<usize>>;

impl Methods {
    pub(super) fn of_services() -> Self {
        let set = FileDescriptorSet::decode(carlo_wire::DESCRIPTORS)
            .expect("the descriptors were encoded by this program's build");
        let mut named = Vec::new();
        for file in &set.file {
            for message in &file.message_type {
                collect(&format!(".{}", file.package()), message, &mut named);
            }
        }
        let numbers: HashMap<&str, usize> =
            named.iter().enumerate().map(|(number, (name, _))| (name.as_str(), number)).collect();
        let fields = |message: &DescriptorProto| -> Fields {
            let counted = message.field.iter().filter_map(|field| {
                let nested =
                    numbers.get(field.type_name()).copied().filter(|_| field.r#type() == Type::Message);
                let is_text_list =
                    field.label() == Label::Repeated && matches!(field.r#type(), Type::String | Type::Bytes);
                (nested.is_some() || is_text_list).then(|| (u64::from(field.number().unsigned_abs()), nested))
            });
            counted.collect()
        };
        let messages = named.iter().map(|(_, message)| fields(message)).collect();
        let mut methods = HashMap::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let input = numbers[method.input_type()];
                    methods.insert(path, Method { is_stream: method.client_streaming(), input });
                }
            }
        }
        Self { methods, messages }
    }

    pub(super) fn get(&self, path: &str) -> Option<Method> {
        self.methods.get(path).copied()
    }

    /// Refuses a message with too many parts. An unreadable message is left to the decoder.
    pub(super) fn check(&self, method: Method, message: &[u8]) -> Result<(), Status> {
        let mut left = PARTS_MAX;
        self.count(method.input, message, DEPTH_MAX, &mut left)
            .ok_or_else(|| Status::invalid_argument(format!("the message has more than {PARTS_MAX} parts")))
    }

    /// Subtracts the parts of a message from `left`; `None` if there are too many.
    fn count(&self, message: usize, mut bytes: &[u8], depth: usize, left: &mut usize) -> Option<()> {
        if depth == 0 {
            return None;
        }
        while let Some((tag, rest)) = varint(bytes) {
            let (number, wire_type) = (tag >> 3, tag & 7);
            let skipped = match wire_type {
                0 => varint(rest).map(|(_, rest)| rest),
                1 => rest.get(8..),
                5 => rest.get(4..),
                2 => {
                    let Some((length, rest)) = varint(rest) else { return Some(()) };
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    let Some((value, rest)) = rest.split_at_checked(length) else { return Some(()) };
                    if let Some(nested) = self.messages[message].get(&number) {
                        *left = left.checked_sub(1)?;
                        if let Some(nested) = nested {
                            self.count(*nested, value, depth - 1, left)?;
                        }
                    }
                    Some(rest)
                }
                _ => None,
            };
            let Some(rest) = skipped else { return Some(()) };
            bytes = rest;
        }
        Some(())
    }
}

/// Lists a message and its nested declarations, with their full names.
fn collect<'a>(scope: &str, message: &'a DescriptorProto, named: &mut Vec<(String, &'a DescriptorProto)>) {
    let name = format!("{scope}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, named);
    }
    named.push((name, message));
}

/// Reads a varint. Returns the remaining bytes, too.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use carlo_wire::v1;

    use super::*;

    fn check(path: &str, message: &[u8]) -> Result<(), Status> {
        let methods = Methods::of_services();
        methods.check(methods.get(path).unwrap(), message)
    }

    #[test]
    fn what_grows_in_memory_is_refused_before_it_is_decoded() {
        // A million empty simulations; plans within one simulation, by the number of that field.
        let empty = [0x0a, 0].repeat(1_000_000);
        assert!(check("/carlo.v1.Batches/Create", &empty).is_err());
        for field in 1_u8..16 {
            let inner = [(field << 3) | 2, 0].repeat(500_000);
            let request = v1::SubmitRequest {
                simulation: Some(v1::SimulationRequest::default()),
                ..Default::default()
            };
            assert_eq!(request.encode_to_vec(), [0x0a, 0]);
            let mut message = vec![0x0a];
            prost::encoding::encode_varint(inner.len() as u64, &mut message);
            message.extend(inner);
            let is_refused = check("/carlo.v1.Jobs/Submit", &message).is_err();
            let size = v1::SubmitRequest::decode(&*message)
                .map_or(0, |request| request.simulation.map_or(0, |simulation| simulation.variants.len()));
            assert!(is_refused || size == 0, "field {field}");
        }
    }

    #[test]
    fn a_full_batch_passes_and_nonsense_is_left_to_the_decoder() {
        let simulation = v1::BatchSimulation {
            simulation: Some(v1::SimulationRequest::default()),
            custom_id: "x".to_owned(),
        };
        let batch = v1::CreateBatchRequest { simulations: vec![simulation; 100], ..Default::default() };
        check("/carlo.v1.Batches/Create", &batch.encode_to_vec()).unwrap();
        for nonsense in [&[0xff][..], &[0x0a, 0xff, 0xff], &[0x0b], &[0x09, 1]] {
            check("/carlo.v1.Batches/Create", nonsense).unwrap();
        }
        assert!(Methods::of_services().get("/carlo.v1.Workers/Work").unwrap().is_stream);
        assert!(Methods::of_services().get("/grpc.health.v1.Health/Check").is_none());
    }
}
