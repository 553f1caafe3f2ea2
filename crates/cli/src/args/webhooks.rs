//! The arguments of the commands about webhooks.

use std::path::PathBuf;

use carlo_rest::Label as _;
use carlo_rest::webhook::{DeliveryState, WebhookEvent};
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use carlo_webhooks::{Allowed, Reach};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::Server;

/// `carlo webhooks`
#[derive(Debug, Args)]
pub struct Webhooks {
    /// What to do.
    #[command(subcommand)]
    pub action: WebhooksAction,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhooksAction {
    /// List the URLs to which events are sent
    List {
        /// Everybody's, for keys with the role admin
        #[arg(long)]
        all: bool,
    },
    /// List deliveries, the latest first
    Deliveries {
        /// Only those of this job or batch
        #[arg(long, value_name = "ID")]
        object: Option<String>,
        /// Only those to this webhook
        #[arg(long, value_name = "ID")]
        webhook: Option<String>,
        /// Only those in this state
        #[arg(long, value_parser = state())]
        state: Option<DeliveryState>,
        /// Everybody's, for keys with the role admin
        #[arg(long)]
        all: bool,
        /// The page after the one that named this cursor
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
        /// Deliveries on a page
        #[arg(long, value_name = "N", default_value_t = PAGE_SIZE_DEFAULT,
            value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_SIZE_MAX)))]
        page_size: u32,
    },
    /// Attempt deliveries again that have arrived or were given up
    Retry {
        /// The deliveries' ids, as listed: msg_…
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Enable webhooks that were disabled
    Enable {
        /// The webhooks' ids, as listed: hook_…
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Delete webhooks with their deliveries
    Delete {
        /// The webhooks' ids, as listed: hook_…
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Set the webhook of jobs and batches that are submitted with a key and name none
    SetDefault {
        /// The URL
        #[arg(value_name = "URL")]
        url: String,
        /// Its events and its secret.
        #[command(flatten)]
        options: WebhookOptions,
        /// Another key of the same user, for keys with the role admin any [default: the key of the call]
        #[arg(long = "of", value_name = "KEY_ID")]
        key_id: Option<String>,
    },
    /// Show the webhook of a key
    ShowDefault {
        /// As of set-default
        #[arg(long = "of", value_name = "KEY_ID")]
        key_id: Option<String>,
    },
    /// Remove the webhook of a key
    ClearDefault {
        /// As of set-default
        #[arg(long = "of", value_name = "KEY_ID")]
        key_id: Option<String>,
    },
}

/// Where the webhooks of `carlo up` may be sent.
#[derive(Debug, Clone, Args)]
pub struct WebhookReach {
    /// Allow webhooks at http URLs, too
    #[arg(long, env = "CARLO_WEBHOOK_ALLOW_HTTP")]
    pub webhook_allow_http: bool,
    /// Addresses, networks and hosts that webhooks may reach although they are not of the public
    /// internet, like 127.0.0.1, 10.1.0.0/16 or *.hooks.example; may be repeated
    #[arg(long, value_name = "HOST_OR_NETWORK", env = "CARLO_WEBHOOK_ALLOW", value_delimiter = ',')]
    pub webhook_allow: Vec<Allowed>,
}

impl From<WebhookReach> for Reach {
    fn from(WebhookReach { webhook_allow_http, webhook_allow }: WebhookReach) -> Self {
        Self { allows_http: webhook_allow_http, allowed: webhook_allow }
    }
}

/// What is sent to a webhook, and how it is signed.
#[derive(Debug, Clone, Args)]
pub struct WebhookOptions {
    /// An event that is sent; may be repeated [default: the end of the job, or of the batch]
    #[arg(long = "event", value_name = "EVENT", value_parser = event())]
    pub events: Vec<WebhookEvent>,
    /// A file with the secret for the signatures: `whsec_` and 24 to 64 bytes in Base64 [default: the
    /// URL's, or a new one, which is printed]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

fn state() -> impl TypedValueParser<Value = DeliveryState> {
    PossibleValuesParser::new(DeliveryState::ALL.iter().map(|state| state.label()))
        .map(|word| DeliveryState::from_label(&word).expect("it is one of the labels"))
}

/// One of the names of events.
pub(super) fn event() -> impl TypedValueParser<Value = WebhookEvent> {
    PossibleValuesParser::new(WebhookEvent::ALL.map(WebhookEvent::as_str))
        .map(|word| word.parse().expect("it is one of the names"))
}
