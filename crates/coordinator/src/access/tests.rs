use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use carlo_tenancy::{JoinToken, JoinTokenId, KeyId, NewKey, Role, Terms, Tier};
use carlo_types::OwnerId;

use super::*;

const NOW: Timestamp = Timestamp(5);

/// Adds the secrets of a new leader, as [`Core`](crate::core::Core) does.
fn lead(access: &Access, tenancy: &mut Tenancy) -> Result<(), AccessError> {
    let bits = [u8::try_from(tenancy.keys().count()).unwrap(); 32];
    let Adopted { admin, join_token } = access.adopt(tenancy, NOW, Some(&|| bits))?;
    if let Some(secret) = admin {
        let id = KeyId::from_random(tenancy.keys().count() as u128);
        let new = NewKey {
            id,
            user: OwnerId::new("admin"),
            tier: Tier::Enterprise,
            role: Role::Admin,
            note: None,
            expires_at: None,
        };
        tenancy.create_key(new, &secret, NOW).unwrap();
    }
    if let Some(text) = join_token {
        let token = JoinToken {
            id: JoinTokenId::from_random(tenancy.join_tokens().count() as u128),
            hash: join_tokens::hash(&text).unwrap(),
            note: None,
            created_at: NOW,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        };
        tenancy.add_join_token(token, NOW).unwrap();
    }
    Ok(())
}

fn access(directory: &Path) -> Access {
    Access::from_files(&directory.join("keys/admin-key"), &directory.join("join-token")).unwrap()
}

#[test]
fn the_first_coordinator_makes_files_and_a_later_one_needs_none() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut tenancy = Tenancy::new(Terms::default());
    lead(&access(first.path()), &mut tenancy).unwrap();
    for path in ["keys/admin-key", "join-token"] {
        let mode = fs::metadata(first.path().join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    let (keys, tokens) = (tenancy.keys().count(), tenancy.join_tokens().count());
    for directory in [&first, &second] {
        lead(&access(directory.path()), &mut tenancy).unwrap();
    }
    assert_eq!((tenancy.keys().count(), tenancy.join_tokens().count()), (keys, tokens));
    assert!(fs::read_dir(second.path()).unwrap().next().is_none(), "it makes no secrets of its own");
    let token = fs::read_to_string(first.path().join("join-token")).unwrap();
    tenancy.admit_worker(Some(token.trim()), NOW).unwrap();
}

#[test]
fn other_secrets_than_the_clusters_are_refused_or_adopted_as_asked() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut tenancy = Tenancy::new(Terms::default());
    lead(&access(first.path()), &mut tenancy).unwrap();
    let other = Secret::from_random([8; 32]).reveal();
    fs::create_dir(second.path().join("keys")).unwrap();
    fs::write(second.path().join("keys/admin-key"), &other).unwrap();
    let error = lead(&access(second.path()), &mut tenancy).unwrap_err().to_string();
    assert!(error.contains("another API key than this cluster's") && !error.contains(&other), "{error}");
    fs::remove_file(second.path().join("keys/admin-key")).unwrap();
    fs::write(second.path().join("join-token"), "another-token-of-sixteen").unwrap();
    let error = lead(&access(second.path()), &mut tenancy).unwrap_err().to_string();
    assert!(error.contains("another join token than this cluster's"), "{error}");
    // Without random bits nothing is written.
    access(second.path()).adopt(&Tenancy::new(Terms::default()), NOW, None).unwrap();
    assert!(!second.path().join("keys/admin-key").exists());

    let Access::Keys { admin, join_token, .. } = access(second.path()) else { panic!("files mean keys") };
    lead(&Access::Keys { admin, join_token, adopts: true }, &mut tenancy).unwrap();
    tenancy.admit_worker(Some("another-token-of-sixteen"), NOW).unwrap();
    let made = fs::read_to_string(second.path().join("keys/admin-key")).unwrap();
    assert_eq!(tenancy.authenticate(made.trim(), NOW).unwrap().role, Role::Admin);
}

#[test]
fn a_file_with_something_else_is_refused_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let (admin, token) = (directory.path().join("admin-key"), directory.path().join("join-token"));
    fs::write(&admin, "hunter2").unwrap();
    let error = Access::from_files(&admin, &token).unwrap_err().to_string();
    assert!(error.contains("admin-key holds no API key") && !error.contains("hunter2"), "{error}");
    fs::remove_file(&admin).unwrap();
    fs::write(&token, "short").unwrap();
    let error = Access::from_files(&admin, &token).unwrap_err().to_string();
    assert!(error.contains("join-token holds no join token"), "{error}");
}
