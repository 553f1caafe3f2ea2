//! The calls for webhooks and deliveries.

use carlo_rest::Label as _;
use carlo_rest::job::Cancelled;
use carlo_rest::webhook::{DefaultWebhook, Delivery, DeliveryList, DeliveryState, WebhookList, WebhookState};
use reqwest::{Method, Url};
use serde_json::Value;

use super::{Client, ClientError};
use crate::answer::Answer;

/// Which deliveries a list is of.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those of this job or batch.
    pub object: Option<String>,
    /// Only those to this webhook.
    pub webhook: Option<String>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Everybody's.
    pub all: bool,
    /// From the page before.
    pub cursor: Option<String>,
    /// Deliveries on the page.
    pub page_size: u32,
}

impl Client {
    /// `GET /api/webhooks`
    pub async fn webhooks(&self, all: bool) -> Result<Answer<WebhookList>, ClientError> {
        let mut url = self.path(&["webhooks"]);
        if all {
            url.query_pairs_mut().append_pair("all", "true");
        }
        self.call(Method::GET, url, None).await
    }

    /// `POST /api/webhooks/{id}/enable`
    pub async fn enable_webhook(&self, id: &str) -> Result<Answer<WebhookState>, ClientError> {
        self.call(Method::POST, self.path(&["webhooks", id, "enable"]), None).await
    }

    /// `DELETE /api/webhooks/{id}`
    pub async fn delete_webhook(&self, id: &str) -> Result<Answer<Cancelled>, ClientError> {
        self.call(Method::DELETE, self.path(&["webhooks", id]), None).await
    }

    /// `GET /api/webhooks/deliveries`
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Answer<DeliveryList>, ClientError> {
        let mut url = self.path(&["webhooks", "deliveries"]);
        let mut query = url.query_pairs_mut();
        query.append_pair("page_size", &filter.page_size.to_string());
        let state = filter.state.map(|state| state.label().to_owned());
        let texts = [
            ("object", &filter.object),
            ("webhook", &filter.webhook),
            ("state", &state),
            ("cursor", &filter.cursor),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                query.append_pair(name, text);
            }
        }
        if filter.all {
            query.append_pair("all", "true");
        }
        drop(query);
        self.call(Method::GET, url, None).await
    }

    /// `POST /api/webhooks/deliveries/{id}/retry`
    pub async fn retry_delivery(&self, id: &str) -> Result<Answer<Delivery>, ClientError> {
        self.call(Method::POST, self.path(&["webhooks", "deliveries", id, "retry"]), None).await
    }

    /// `PUT /api/webhooks/default`, of this key, or of that of the call.
    pub async fn set_default_webhook(
        &self,
        webhook: &Value,
        key: Option<&str>,
    ) -> Result<Answer<DefaultWebhook>, ClientError> {
        self.call(Method::PUT, self.default_url(key), Some(webhook.to_string())).await
    }

    /// `GET /api/webhooks/default`
    pub async fn default_webhook(&self, key: Option<&str>) -> Result<Answer<DefaultWebhook>, ClientError> {
        self.call(Method::GET, self.default_url(key), None).await
    }

    /// `DELETE /api/webhooks/default`
    pub async fn clear_default_webhook(&self, key: Option<&str>) -> Result<Answer<Cancelled>, ClientError> {
        self.call(Method::DELETE, self.default_url(key), None).await
    }

    fn default_url(&self, key: Option<&str>) -> Url {
        let mut url = self.path(&["webhooks", "default"]);
        if let Some(key) = key {
            url.query_pairs_mut().append_pair("key", key);
        }
        url
    }
}
