//! A connection that several callers share, as in a gateway: one of them must not end the calls of
//! the others.

use carlo_wire::v1;
use carlo_wire::v1::cluster_client::ClusterClient;
use tokio::task::JoinSet;

use crate::world::World;

#[tokio::test]
async fn calls_that_are_reset_at_once_leave_the_others_alone() {
    let world = World::new().await;
    let client = ClusterClient::new(world.channel.clone());
    for _ in 0..20 {
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let mut client = client.clone();
            calls.spawn(async move { client.ready(v1::ReadyRequest {}).await });
        }
        // The calls have been sent, and are reset before their responses.
        tokio::task::yield_now().await;
        calls.shutdown().await;
        let mut client = client.clone();
        client.ready(v1::ReadyRequest {}).await.expect("the connection is as good as before");
    }
}
