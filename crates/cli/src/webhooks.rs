//! `carlo webhooks`: where events are sent, and what has become of them.

use anyhow::Context as _;
use carlo_rest::webhook::{DefaultWebhook, SetWebhook, WebhookSecret};
use carlo_service::files;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::{self, WebhookOptions, WebhooksAction};
use crate::client::{Client, ClientError, DeliveryFilter};
use crate::commands::{connect, each};
use crate::exit::{BadArgument, Exit, say};
use crate::{output, render};

/// `carlo webhooks`
pub async fn webhooks(args::Webhooks { action, server }: args::Webhooks) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let json = server.json;
    match action {
        WebhooksAction::List { all } => {
            let answer = client.webhooks(all).await.context("failed to list the webhooks")?;
            output::answer(json, &answer.json, || render::webhooks::webhooks(&answer.value, all))?;
        }
        WebhooksAction::Deliveries { object, webhook, state, all, cursor, page_size } => {
            let filter = DeliveryFilter { object, webhook, state, all, cursor, page_size };
            let answer = client.deliveries(&filter).await.context("failed to list the deliveries")?;
            let text = || render::webhooks::deliveries(&answer.value, all, Timestamp::now());
            output::answer(json, &answer.json, text)?;
        }
        WebhooksAction::Retry { ids } => {
            return each(ids, async |_, id| {
                let answer =
                    client.retry_delivery(&id).await.with_context(|| format!("failed to retry {id}"))?;
                output::answer(json, &answer.json, || format!("{id} is attempted again"))
            })
            .await;
        }
        WebhooksAction::Enable { ids } => {
            return each(ids, async |_, id| {
                let answer =
                    client.enable_webhook(&id).await.with_context(|| format!("failed to enable {id}"))?;
                output::answer(json, &answer.json, || format!("{id} is enabled"))
            })
            .await;
        }
        WebhooksAction::Delete { ids } => {
            return each(ids, async |_, id| {
                let answer =
                    client.delete_webhook(&id).await.with_context(|| format!("failed to delete {id}"))?;
                output::answer(json, &answer.json, || answer.value.message.clone())
            })
            .await;
        }
        WebhooksAction::SetDefault { url, options, key_id } => {
            set_default(&client, &body(&url, &options)?, key_id.as_deref(), json).await?;
        }
        WebhooksAction::ShowDefault { key_id } => {
            let answer = client.default_webhook(key_id.as_deref()).await;
            let answer = answer.context("failed to look at the webhook of the key")?;
            output::answer(json, &answer.json, || render::webhooks::default(&answer.value))?;
        }
        WebhooksAction::ClearDefault { key_id } => {
            let answer = client.clear_default_webhook(key_id.as_deref()).await;
            let answer = answer.context("failed to remove the webhook of the key")?;
            output::answer(json, &answer.json, || answer.value.message.clone())?;
        }
    }
    Ok(Exit::Ok)
}

async fn set_default(client: &Client, webhook: &Value, key: Option<&str>, json: bool) -> anyhow::Result<()> {
    let answer = client.set_default_webhook(webhook, key).await;
    let answer = answer.context("failed to set the webhook of the key")?;
    output::answer(json, &answer.json, || render::webhooks::default(&answer.value))?;
    let DefaultWebhook { id, secret, .. } = &answer.value;
    if !json && let Some(secret) = secret {
        say_secret(id, secret);
    }
    Ok(())
}

/// The webhook with this URL for a request.
pub fn body(url: &str, options: &WebhookOptions) -> anyhow::Result<Value> {
    let WebhookOptions { events, secret_file } = options;
    let mut webhook = json!({"url": url});
    if !events.is_empty() {
        webhook["events"] = json!(events);
    }
    if let Some(file) = secret_file {
        if let Some(exposure) = files::exposure(file) {
            say(&format!("warning: {} holds a secret and {exposure}", file.display()));
        }
        let secret = files::read_text(file).map_err(|error| {
            BadArgument(format!("failed to read the secret in {}: {error}", file.display()))
        })?;
        webhook["secret"] = secret.trim().into();
    }
    Ok(webhook)
}

/// Says the secret of a new webhook, if one was made.
pub fn say_made(webhook: Option<&SetWebhook>) {
    if let Some(SetWebhook { id, secret: Some(secret) }) = webhook {
        say_secret(id, secret);
    }
}

fn say_secret(id: &str, secret: &WebhookSecret) {
    say(&format!("the secret of {id} is {}: keep it, it is not shown again", secret.reveal()));
}

/// Gives a key the webhook of the key that it replaces, if that has one.
pub async fn move_default(client: &Client, old: &str, new: &str) -> anyhow::Result<()> {
    let DefaultWebhook { url, events, .. } = match client.default_webhook(Some(old)).await {
        Ok(answer) => answer.value,
        Err(ClientError::Refused(refusal)) if refusal.problem.status == 404 => return Ok(()),
        Err(error) => return Err(error).context("failed to look at the webhook of the key"),
    };
    let webhook = json!({"url": url, "events": events});
    client.set_default_webhook(&webhook, Some(new)).await.context("failed to move the webhook of the key")?;
    Ok(())
}
