//! Who may use etcd, and how it is reached.

use std::time::Duration;

use carlo_store::etcd::{EtcdCredentials, EtcdTls};
use carlo_store::{EtcdConfig, EtcdLedger, Ledger, LedgerError};
use carlo_tests::etcd::Etcd;
use etcd_client::{Client, Permission};

use crate::{key, put};

fn ledger(config: EtcdConfig) -> EtcdLedger {
    EtcdLedger::new(config, "http://127.0.0.1:7070").expect("a good configuration")
}

/// Whether the ledger can be written and read.
async fn works(ledger: &EtcdLedger) -> Result<(), LedgerError> {
    let epoch = ledger.lead().await?;
    ledger.commit(epoch, vec![put("a", "1")]).await?;
    assert_eq!(ledger.get(&key("a")).await?.as_deref(), Some(&b"1"[..]));
    ledger.resign().await;
    Ok(())
}

#[tokio::test]
async fn it_speaks_tls() -> anyhow::Result<()> {
    let etcd = Etcd::with_tls().await?;
    let authority = etcd.tls().expect("started with it").certificate.clone().into_bytes();
    let with = |authority: Vec<u8>| {
        let tls = Some(EtcdTls { authority, identity: None });
        ledger(EtcdConfig { tls, ..EtcdConfig::new(vec![etcd.url()]) })
    };
    works(&with(authority)).await?;

    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let refused = works(&with(stranger.cert.pem().into_bytes())).await;
    assert!(matches!(refused, Err(LedgerError::Storage { .. })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_user_needs_the_right_password() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let mut root = Client::connect([etcd.url()], None).await?;
    root.user_add("root", "rooted", None).await?;
    root.user_grant_role("root", "root").await?;
    root.user_add("carlo", "secret", None).await?;
    root.role_add("carlo").await?;
    root.role_grant_permission("carlo", Permission::read_write("carlo/").with_prefix()).await?;
    root.user_grant_role("carlo", "carlo").await?;
    root.auth_enable().await?;
    let user = |name: &str, password: &str| {
        let user = Some(EtcdCredentials { name: name.to_owned(), password: password.to_owned() });
        EtcdConfig { user, ..EtcdConfig::new(vec![etcd.url()]) }
    };
    works(&ledger(user("carlo", "secret"))).await?;

    let elsewhere = EtcdConfig { prefix: "other".to_owned(), ..user("carlo", "secret") };
    for config in
        [user("carlo", "guessed"), user("nobody", "secret"), EtcdConfig::new(vec![etcd.url()]), elsewhere]
    {
        let refused = tokio::time::timeout(Duration::from_secs(10), works(&ledger(config))).await?;
        let error = refused.expect_err("it isn't allowed");
        assert!(matches!(error, LedgerError::Refused { .. }) && !error.is_passing(), "{error:?}");
        assert!(!error.to_string().contains("guessed"), "{error}");
    }
    Ok(())
}
