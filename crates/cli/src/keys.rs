//! `carlo keys`, `carlo usage` and `carlo audit`.

use anyhow::Context as _;
use carlo_rest::account::CreateKey;
use jiff::Timestamp;
use serde_json::json;

use crate::args::{self, KeysAction};
use crate::client::Client;
use crate::commands::{connect, each};
use crate::exit::{Exit, say};
use crate::output;
use crate::{render, webhooks};

/// `carlo usage`
pub async fn usage(args::Usage { history, all, page, server }: args::Usage) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let what = "failed to look at the usage";
    let (text, json) = if all {
        let answer = client.usage_by_user(page).await.context(what)?;
        (render::usage::by_user(&answer.value), answer.json)
    } else if let Some(periods) = history {
        let answer = client.usage_history(periods).await.context(what)?;
        (render::usage::history(&answer.value), answer.json)
    } else {
        let answer = client.usage().await.context(what)?;
        (render::usage::usage(&answer.value), answer.json)
    };
    output::answer(server.json, &json, || text)?;
    Ok(Exit::Ok)
}

/// `carlo keys`: prints secrets to stdout, for scripts, and further information to stderr.
pub async fn keys(args::Keys { action, server }: args::Keys) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    match action {
        KeysAction::Create { user, tier, role, note, expires_in_days } => {
            let (user_id, tier, role) = (user, Some(tier), Some(role));
            create(&client, CreateKey { user_id, tier, role, note, expires_in_days }, server.json).await?;
        }
        KeysAction::Rotate { id, expires_in_days } => {
            let what = || format!("failed to rotate {id}");
            let keys = client.keys().await.with_context(what)?.value.keys;
            let old = keys.into_iter().find(|key| key.id == id && key.revoked_at.is_none());
            let old = old.ok_or_else(|| NoSuchKey(id.clone()))?;
            let lifetime = old.expires_at.map(|at| at.duration_since(old.created_at).as_hours());
            // A day is the shortest lifetime of a key.
            let days =
                lifetime.and_then(|hours| u32::try_from((hours + 23) / 24).ok()).map(|days| days.max(1));
            // The new key is created first, so that an interruption leaves two valid keys rather
            // than none.
            let new = CreateKey {
                user_id: old.user_id,
                tier: Some(old.tier),
                role: Some(old.role),
                note: old.note,
                expires_in_days: expires_in_days.or(days),
            };
            let made = create(&client, new, server.json).await?;
            webhooks::move_default(&client, &id, &made).await?;
            client.revoke_key(&id).await.with_context(what)?;
            say(&format!("{id} is revoked"));
        }
        KeysAction::List => {
            let answer = client.keys().await.context("failed to list the keys")?;
            let text = || render::usage::keys(&answer.value, Timestamp::now());
            // The same form as all lists.
            let (keys, total) = (&answer.value.keys, answer.value.keys.len());
            let list = json!({"keys": keys, "total": total, "page": 1, "page_size": total});
            output::answer(server.json, &list.to_string(), text)?;
        }
        KeysAction::Revoke { ids } => {
            return each(ids, async |_, id| {
                let answer =
                    client.revoke_key(&id).await.with_context(|| format!("failed to revoke {id}"))?;
                let text = || format!("{id} of {} is revoked", answer.value.user_id);
                output::answer(server.json, &answer.json, text)
            })
            .await;
        }
    }
    Ok(Exit::Ok)
}

/// `carlo audit`
pub async fn audit(args::Audit { page, lines, server }: args::Audit) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let what = "failed to read the audit log";
    if lines {
        let mut answer = client.audit_lines().await.context(what)?;
        let mut out = std::io::stdout();
        while let Some(bytes) = answer.chunk().await.context(what)? {
            output::write_bytes(&mut out, &bytes)?;
        }
        return Ok(Exit::Ok);
    }
    let answer = client.audit(page).await.context(what)?;
    output::answer(server.json, &answer.json, || render::usage::audit(&answer.value, Timestamp::now()))?;
    Ok(Exit::Ok)
}

/// No valid key has this id.
#[derive(Debug, thiserror::Error)]
#[error("there is no key {0} that is of use")]
pub struct NoSuchKey(String);

/// Creates a key, prints its secret, and returns its id.
async fn create(client: &Client, key: CreateKey, json: bool) -> anyhow::Result<String> {
    let answer = client.create_key(&key).await.context("failed to make a key")?;
    let secret = answer.value.secret.as_deref().unwrap_or_default();
    output::answer(json, &answer.json, || secret.to_owned())?;
    if !json {
        let key = &answer.value.key;
        say(&format!(
            "{} of {}, {}: keep it, it is not shown again; `carlo keys revoke {}` takes it back",
            key.id, key.user_id, key.tier, key.id
        ));
    }
    Ok(answer.value.key.id)
}
