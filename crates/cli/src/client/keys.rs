//! The calls for keys, join tokens, tiers and usage.

use carlo_rest::account::{
    AuditRecords, CreateJoinToken, CreateKey, CreatedJoinToken, CreatedKey, JoinToken, JoinTokenList, Key,
    KeyList, Tiers, Usage, UsageHistory, UserUsage,
};
use reqwest::header::ACCEPT;
use reqwest::{Method, Response};

use super::{Client, ClientError};
use crate::answer::Answer;

impl Client {
    /// `GET /simulations/batch/usage`
    pub async fn usage(&self) -> Result<Answer<Usage>, ClientError> {
        self.call(Method::GET, self.at(&["simulations", "batch", "usage"]), None).await
    }

    /// `GET /simulations/batch/usage/history`
    pub async fn usage_history(&self, periods: u32) -> Result<Answer<UsageHistory>, ClientError> {
        let mut url = self.at(&["simulations", "batch", "usage", "history"]);
        url.query_pairs_mut().append_pair("periods", &periods.to_string());
        self.call(Method::GET, url, None).await
    }

    /// `GET /api/admin/usage`
    pub async fn usage_by_user(&self, page: u32) -> Result<Answer<UserUsage>, ClientError> {
        let mut url = self.path(&["admin", "usage"]);
        url.query_pairs_mut().append_pair("page", &page.to_string());
        self.call(Method::GET, url, None).await
    }

    /// `GET /api/admin/audit`
    pub async fn audit(&self, page: u32) -> Result<Answer<AuditRecords>, ClientError> {
        let mut url = self.path(&["admin", "audit"]);
        url.query_pairs_mut().append_pair("page", &page.to_string());
        self.call(Method::GET, url, None).await
    }

    /// The same as JSON lines, every record, to be read bit by bit.
    pub async fn audit_lines(&self) -> Result<Response, ClientError> {
        let request = self.request(Method::GET, self.path(&["admin", "audit"]));
        self.stream(request.header(ACCEPT, "application/jsonl")).await
    }

    /// `POST /api/admin/keys`
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    pub async fn create_key(&self, key: &CreateKey) -> Result<Answer<CreatedKey>, ClientError> {
        let body = serde_json::to_string(key).expect("a key is texts and numbers");
        self.call(Method::POST, self.path(&["admin", "keys"]), Some(body)).await
    }

    /// `GET /api/admin/keys`
    pub async fn keys(&self) -> Result<Answer<KeyList>, ClientError> {
        self.call(Method::GET, self.path(&["admin", "keys"]), None).await
    }

    /// `POST /api/admin/tokens`
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    pub async fn create_join_token(
        &self,
        token: &CreateJoinToken,
    ) -> Result<Answer<CreatedJoinToken>, ClientError> {
        let body = serde_json::to_string(token).expect("a token is texts and numbers");
        self.call(Method::POST, self.path(&["admin", "tokens"]), Some(body)).await
    }

    /// `GET /api/admin/tokens`
    pub async fn join_tokens(&self) -> Result<Answer<JoinTokenList>, ClientError> {
        self.call(Method::GET, self.path(&["admin", "tokens"]), None).await
    }

    /// `DELETE /api/admin/tokens/{id}`
    pub async fn revoke_join_token(&self, id: &str) -> Result<Answer<JoinToken>, ClientError> {
        self.call(Method::DELETE, self.path(&["admin", "tokens", id]), None).await
    }

    /// `GET /api/admin/tiers`
    pub async fn tiers(&self) -> Result<Answer<Tiers>, ClientError> {
        self.call(Method::GET, self.path(&["admin", "tiers"]), None).await
    }

    /// `PUT /api/admin/tiers`
    pub async fn set_tiers(&self, json: String) -> Result<Answer<Tiers>, ClientError> {
        self.call(Method::PUT, self.path(&["admin", "tiers"]), Some(json)).await
    }

    /// `DELETE /api/admin/keys/{id}`
    pub async fn revoke_key(&self, id: &str) -> Result<Answer<Key>, ClientError> {
        self.call(Method::DELETE, self.path(&["admin", "keys", id]), None).await
    }
}
