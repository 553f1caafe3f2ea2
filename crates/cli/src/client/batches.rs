//! The calls for batches.

use carlo_rest::Batch;
use carlo_rest::batch::BatchList;
use carlo_rest::job::Cancelled;
use reqwest::{Method, Response, Url};
use serde_json::json;

use super::{Client, ClientError};
use crate::answer::Answer;

impl Client {
    /// `POST /simulations/batch` with this body.
    pub async fn submit_batch(&self, body: String) -> Result<Answer<Batch>, ClientError> {
        self.call(Method::POST, self.at(&["simulations", "batch"]), Some(body)).await
    }

    /// `GET /simulations/batch`
    pub async fn batches(
        &self,
        all: bool,
        user: Option<&str>,
        page: u32,
    ) -> Result<Answer<BatchList>, ClientError> {
        let mut url = self.at(&["simulations", "batch"]);
        let mut query = url.query_pairs_mut();
        query.append_pair("page", &page.to_string());
        query.extend_pairs(all.then_some(("all", "true"))).extend_pairs(user.map(|user| ("user", user)));
        drop(query);
        self.call(Method::GET, url, None).await
    }

    /// `GET /simulations/batch/{batch_id}`
    pub async fn batch(&self, id: &str) -> Result<Answer<Batch>, ClientError> {
        self.call(Method::GET, self.batch_url(id, &[]), None).await
    }

    /// `POST /simulations/batch/{batch_id}/cancel`
    pub async fn cancel_batch(
        &self,
        id: &str,
        reason: Option<&str>,
        cancel_running: bool,
    ) -> Result<Answer<Batch>, ClientError> {
        let body = json!({"reason": reason, "cancel_running": cancel_running});
        self.call(Method::POST, self.batch_url(id, &["cancel"]), Some(body.to_string())).await
    }

    /// `DELETE /simulations/batch/{batch_id}`
    pub async fn delete_batch(&self, id: &str) -> Result<Answer<Cancelled>, ClientError> {
        self.call(Method::DELETE, self.batch_url(id, &[]), None).await
    }

    /// `GET /simulations/batch/{batch_id}/results`, as a stream.
    pub async fn batch_results(&self, id: &str) -> Result<Results, ClientError> {
        let response = self.stream(self.request(Method::GET, self.batch_url(id, &["results"]))).await?;
        Ok(Results { client: self.clone(), response })
    }

    fn batch_url(&self, id: &str, more: &[&str]) -> Url {
        self.at(&[&["simulations", "batch", id], more].concat())
    }
}

/// A stream of results.
#[derive(Debug)]
pub struct Results {
    client: Client,
    response: Response,
}

impl Results {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let chunk = self.response.chunk().await.map_err(|error| self.client.unreachable(&error))?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }
}
