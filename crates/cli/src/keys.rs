//! `carlo keys` and `carlo usage`: who may call, and what they have used.

use anyhow::Context as _;
use carlo_rest::account::CreateKey;
use jiff::Timestamp;

use crate::args::{self, KeysAction};
use crate::commands::connect;
use crate::exit::{Exit, say};
use crate::output;
use crate::render;

/// `carlo usage`
pub async fn usage(args::Usage { history, server }: args::Usage) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let what = "failed to look at the usage";
    let (text, json) = if let Some(periods) = history {
        let answer = client.usage_history(periods).await.context(what)?;
        (render::usage::history(&answer.value), answer.json)
    } else {
        let answer = client.usage().await.context(what)?;
        (render::usage::usage(&answer.value), answer.json)
    };
    output::answer(server.json, &json, || text)?;
    Ok(Exit::Ok)
}

/// `carlo keys`: a secret on stdout, for scripts; what a person wants to know about it on stderr.
pub async fn keys(args::Keys { action, server }: args::Keys) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    match action {
        KeysAction::Create { user, tier, role } => {
            let key = CreateKey { user_id: user, tier: Some(tier), role: Some(role) };
            let answer = client.create_key(&key).await.context("failed to make a key")?;
            let secret = answer.value.secret.as_deref().unwrap_or_default();
            output::answer(server.json, &answer.json, || secret.to_owned())?;
            if !server.json {
                let key = &answer.value.key;
                say(&format!(
                    "{} of {}, {}: keep it, it is not shown again; `carlo keys revoke {}` takes it back",
                    key.id, key.user_id, key.tier, key.id
                ));
            }
        }
        KeysAction::List => {
            let answer = client.keys().await.context("failed to list the keys")?;
            let text = render::usage::keys(&answer.value, Timestamp::now());
            output::answer(server.json, &answer.json, || text)?;
        }
        KeysAction::Revoke { id } => {
            let answer = client.revoke_key(&id).await.with_context(|| format!("failed to revoke {id}"))?;
            let text = format!("{id} of {} is of no use any more", answer.value.user_id);
            output::answer(server.json, &answer.json, || text)?;
        }
    }
    Ok(Exit::Ok)
}
