//! `carlo tokens` and `carlo tiers`.

use anyhow::Context as _;
use carlo_rest::account::CreateJoinToken;
use jiff::Timestamp;

use crate::args::{self, TiersAction, TokensAction};
use crate::commands::{connect, each};
use crate::exit::{Exit, say};
use crate::output;
use crate::render;

/// `carlo tokens`: prints the text of a token to stdout, and further information to stderr.
pub async fn tokens(args::Tokens { action, server }: args::Tokens) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    match action {
        TokensAction::Create { note, expires_in_days } => {
            let token = CreateJoinToken { note, expires_in_days };
            let answer = client.create_join_token(&token).await.context("failed to make a join token")?;
            let text = answer.value.text.as_deref().unwrap_or_default();
            output::answer(server.json, &answer.json, || text.to_owned())?;
            if !server.json {
                let id = &answer.value.token.id;
                say(&format!(
                    "{id}: keep it, it is not shown again; `carlo tokens revoke {id}` takes it back"
                ));
            }
        }
        TokensAction::List => {
            let answer = client.join_tokens().await.context("failed to list the join tokens")?;
            let text = render::usage::join_tokens(&answer.value, Timestamp::now());
            output::answer(server.json, &answer.json, || text)?;
        }
        TokensAction::Revoke { ids } => {
            return each(ids, async |_, id| {
                let answer =
                    client.revoke_join_token(&id).await.with_context(|| format!("failed to revoke {id}"))?;
                output::answer(server.json, &answer.json, || format!("{id} is revoked"))
            })
            .await;
        }
    }
    Ok(Exit::Ok)
}

/// `carlo tiers`
pub async fn tiers(args::Tiers { action, server }: args::Tiers) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let answer = match action {
        TiersAction::Show => client.tiers().await.context("failed to look at the tiers")?,
        TiersAction::Set { file } => {
            let text = String::from_utf8_lossy(&crate::request::read(&file)?).into_owned();
            client.set_tiers(text).await.context("failed to change the tiers")?
        }
    };
    let text = serde_json::to_string_pretty(&answer.value).context("failed to print the tiers")?;
    output::answer(server.json, &answer.json, || text)?;
    Ok(Exit::Ok)
}
