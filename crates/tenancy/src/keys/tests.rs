use super::*;

fn key(number: u128) -> Key {
    let mut bits = [7; 32];
    bits[..16].copy_from_slice(&number.to_be_bytes());
    Key {
        id: KeyId::from_random(number),
        hash: Secret::from_random(bits).hash(),
        user: OwnerId::new("ann"),
        tier: Tier::Pro,
        role: Role::User,
        created_at: Timestamp(1),
        note: None,
        expires_at: None,
        revoked_at: None,
    }
}

#[test]
fn a_secret_reads_back_what_it_reveals_and_is_known_by_its_hash() {
    let secret = Secret::from_random([0xa5; 32]);
    let text = secret.reveal();
    assert_eq!(text, format!("carlo_{}", "a5".repeat(32)));
    assert_eq!(text.parse(), Ok(secret.clone()));

    let mut keys = Keys::default();
    keys.insert(Key { hash: secret.hash(), ..key(1) }).unwrap();
    let caller = keys.authenticate(&text, Timestamp(2)).unwrap();
    let wanted = Caller {
        user: OwnerId::new("ann"),
        tier: Tier::Pro,
        role: Role::User,
        key: Some(KeyId::from_random(1)),
    };
    assert_eq!(caller, wanted);
}

#[test]
fn the_hash_is_sha_256() {
    // `head -c 32 /dev/zero | sha256sum`
    let hash = format!("{:?}", Secret::from_random([0; 32]).hash());
    assert_eq!(hash, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}

#[test]
fn a_secret_is_never_printed() {
    let secret = Secret::from_random([0xa5; 32]);
    let debugged = format!("{secret:?} {:?}", Some(&secret));
    assert!(!debugged.contains("a5") && !debugged.contains("165"), "{debugged}");
    let error = "carlo_a5a5".parse::<Secret>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("a5a5"));
    let key = Key { hash: secret.hash(), ..key(1) };
    assert!(!format!("{key:?}").contains(&"a5".repeat(8)));
}

#[test]
fn what_is_no_secret_is_refused() {
    let digits = "a5".repeat(32);
    for text in [
        "",
        "carlo_",
        &digits,
        &format!("carlo_{}", &digits[1..]),
        &format!("carlo_{digits}0"),
        &format!("carlo_{digits}00"),
        &format!("Carlo_{digits}"),
        &format!("carlo_{}", digits.to_uppercase()),
        &format!("carlo_{}ää", &digits[4..]),
        &format!("carlo_+{}", &digits[1..]),
    ] {
        assert_eq!(
            Keys::default().authenticate(text, Timestamp(0)),
            Err(Unauthenticated::Malformed),
            "{text}"
        );
    }
    let unknown = Keys::default().authenticate(&format!("carlo_{digits}"), Timestamp(0));
    assert_eq!(unknown, Err(Unauthenticated::Unknown));
}

#[test]
fn a_revoked_key_is_refused_for_good() {
    let secret = Secret::from_random([1; 32]);
    let mut keys = Keys::default();
    keys.insert(Key { hash: secret.hash(), ..key(1) }).unwrap();
    let id = KeyId::from_random(1);
    assert_eq!(keys.revoke(id, Timestamp(5)).unwrap().revoked_at, Some(Timestamp(5)));
    assert_eq!(keys.revoke(id, Timestamp(9)).unwrap().revoked_at, Some(Timestamp(5)), "once is enough");
    assert_eq!(keys.authenticate(&secret.reveal(), Timestamp(0)), Err(Unauthenticated::Revoked));
    assert_eq!(keys.revoke(KeyId::from_random(2), Timestamp(5)).unwrap_err(), Refusal::NoSuchKey);
}

#[test]
fn a_key_is_refused_from_its_expiry_on() {
    let secret = Secret::from_random([1; 32]);
    let mut keys = Keys::default();
    keys.insert(Key { hash: secret.hash(), expires_at: Some(Timestamp(10)), ..key(1) }).unwrap();
    assert!(keys.authenticate(&secret.reveal(), Timestamp(9)).is_ok());
    assert_eq!(keys.next_expired(Timestamp(9)), None);
    assert_eq!(keys.authenticate(&secret.reveal(), Timestamp(10)), Err(Unauthenticated::Expired));
    assert_eq!(keys.next_expired(Timestamp(10)).map(|key| key.id), Some(KeyId::from_random(1)));
    assert_eq!(keys.next_expired(Timestamp(10)), None, "it is told once");
}

#[test]
fn the_last_admin_key_is_one_that_does_not_expire() {
    let mut keys = Keys::default();
    let admin = |number, expires_at| Key { role: Role::Admin, expires_at, ..key(number) };
    keys.insert(admin(1, None)).unwrap();
    keys.insert(admin(2, Some(Timestamp(99)))).unwrap();
    assert_eq!(keys.revoke(KeyId::from_random(1), Timestamp(5)).unwrap_err(), Refusal::LastAdminKey);
    keys.revoke(KeyId::from_random(2), Timestamp(5)).unwrap();
    keys.insert(admin(3, None)).unwrap();
    keys.revoke(KeyId::from_random(1), Timestamp(5)).unwrap();
}

#[test]
fn no_two_keys_are_alike() {
    let mut keys = Keys::default();
    keys.insert(key(1)).unwrap();
    assert_eq!(keys.insert(Key { hash: key(2).hash, ..key(1) }), Err(Refusal::KeyExists));
    assert_eq!(keys.insert(Key { id: KeyId::from_random(2), ..key(1) }), Err(Refusal::KeyExists));
    assert_eq!(keys.iter().count(), 1);
}

#[test]
fn keys_are_bounded_and_the_first_revoked_makes_room() {
    let mut keys = Keys::default();
    for number in 0..KEYS_MAX as u128 {
        assert_eq!(keys.insert(key(number)), Ok(None));
    }
    let more = key(KEYS_MAX as u128);
    assert!(matches!(keys.insert(more.clone()), Err(Refusal::Full(_))));
    keys.revoke(KeyId::from_random(3), Timestamp(20)).unwrap();
    keys.revoke(KeyId::from_random(9), Timestamp(10)).unwrap();
    assert_eq!(keys.insert(more), Ok(Some(KeyId::from_random(9))));
    assert_eq!(keys.iter().count(), KEYS_MAX);
    assert_eq!(keys.by_hash.len(), KEYS_MAX);
}

#[test]
fn a_key_id_reads_back_what_it_prints() {
    let id = KeyId::from_random(0x1234);
    assert_eq!(id.to_string(), "key_00000000000000000000000000001234");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in ["", "key_", "key_1234", "job_00000000000000000000000000001234"] {
        assert_eq!(text.parse::<KeyId>(), Err(ParseKeyIdError), "{text}");
    }
}

#[test]
fn a_user_has_a_name_that_fits_into_a_record() {
    for name in ["ann", "ann.b-c_d+e@example.org", &"x".repeat(NAME_BYTES_MAX)] {
        assert_eq!(parse_user(name), Ok(OwnerId::new(name)));
    }
    for name in ["", "a b", "a/b", "ä", "a\n", &"x".repeat(NAME_BYTES_MAX + 1)] {
        assert_eq!(parse_user(name).unwrap_err().pointer, "/user_id", "{name}");
    }
}

#[test]
fn a_role_has_a_word() {
    for role in [Role::User, Role::Admin] {
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(Role::parse("root"), None);
}

#[test]
fn a_caller_may_touch_what_is_theirs() {
    let ann = Caller { user: OwnerId::new("ann"), tier: Tier::Free, role: Role::User, key: None };
    let root = Caller { user: OwnerId::new("root"), role: Role::Admin, ..ann.clone() };
    assert_eq!(ann.require_owner(&ann.user), Ok(()));
    assert!(matches!(ann.require_owner(&root.user), Err(Refusal::Forbidden(_))));
    assert_eq!(root.require_owner(&ann.user), Ok(()), "administrators see everybody's");
    assert!(root.is_other(&ann.user) && !ann.is_other(&ann.user));
    assert!(matches!(ann.require_admin(), Err(Refusal::Forbidden(_))));
    assert_eq!((root.require_admin(), Caller::local().require_admin()), (Ok(()), Ok(())));
}
