//! Resolves the names in webhooks' URLs.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// A source of addresses. Tests have one whose answers change.
#[async_trait]
pub(crate) trait Resolver: Send + Sync {
    /// The addresses of a name.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The port doesn't matter.
        Ok(tokio::net::lookup_host((name, 443)).await?.map(|address| address.ip()).collect())
    }
}
