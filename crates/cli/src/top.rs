//! `carlo top`: the cluster, live.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use carlo_rest::Cluster;
use carlo_service::shutdown;
use jiff::Timestamp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

use crate::answer::Answer;
use crate::args;
use crate::client::{Client, ClientError};
use crate::commands::connect;
use crate::exit::Exit;
use crate::output::{self, print, print_json};
use crate::render::top::{Screen, Size, screen};
use crate::render::width;

/// Looks of which the speed is remembered.
const SPEEDS_MAX: usize = 512;

/// What terminals understand (ECMA-48, and xterm's alternate screen).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// `carlo top`
pub async fn top(args: args::Top) -> anyhow::Result<Exit> {
    let client = connect(&args.server)?;
    let every = Duration::from_secs_f64(args.interval);
    if args.once || args.server.json || !std::io::stdout().is_terminal() {
        lines(&client, every, args.once, args.server.json).await
    } else {
        live(&client, every).await
    }
}

/// Prints a screen, or an object, at each look.
async fn lines(client: &Client, every: Duration, once: bool, json: bool) -> anyhow::Result<Exit> {
    let stop = shutdown::on_signal().context("failed to wait for signals")?;
    let mut looks = Looks::default();
    loop {
        let answer = client.cluster().await;
        // Once there was an answer, a server may be away for a while.
        let answer = match answer {
            Err(error) if once || looks.cluster.is_none() => {
                return Err(error).context("failed to look at the cluster");
            }
            answer => answer,
        };
        let object = answer.as_ref().ok().map(|answer| answer.json.clone());
        looks.take(answer);
        match object {
            Some(object) if json => print_json(&object)?,
            _ if json => {}
            _ => print(&format!("{}\n", looks.screen(client, whole()).join("\n")))?,
        }
        if once {
            return Ok(Exit::Ok);
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return Ok(Exit::Ok),
        }
    }
}

/// Redraws the terminal at each look, until q or Ctrl-C.
async fn live(client: &Client, every: Duration) -> anyhow::Result<Exit> {
    // A server that isn't there is an error, as for every other command.
    let first = client.cluster().await.context("failed to look at the cluster")?;
    let stop = shutdown::on_signal().context("failed to wait for signals")?;
    let terminal = Terminal::enter()?;
    let mut keys = keys();
    let mut looks = Looks::default();
    looks.take(Ok(first));
    loop {
        let lines = looks.screen(client, Some(size()));
        let lines: Vec<_> = lines.into_iter().map(|line| format!("{line}{CLEAR_LINE}")).collect();
        output::write(&format!("{HOME}{}{CLEAR_BELOW}", lines.join("\r\n")))?;
        let next = async {
            tokio::time::sleep(every).await;
            client.cluster().await
        };
        tokio::select! {
            answer = next => looks.take(answer),
            () = stop.cancelled() => break,
            Some(key) = keys.recv() => if matches!(key, b'q' | b'Q') { break },
        }
    }
    drop(terminal);
    Ok(Exit::Ok)
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Looks {
    cluster: Option<Cluster>,
    speeds: Vec<f64>,
    trouble: Option<String>,
}

impl Looks {
    fn take(&mut self, answer: Result<Answer<Cluster>, ClientError>) {
        match answer {
            Ok(answer) => {
                if self.speeds.len() == SPEEDS_MAX {
                    self.speeds.remove(0);
                }
                self.speeds.push(answer.value.simulations_per_second);
                self.cluster = Some(answer.value);
                self.trouble = None;
            }
            Err(error) => {
                self.trouble = Some(error.to_string().lines().next().unwrap_or_default().to_owned());
            }
        }
    }

    fn screen(&self, client: &Client, size: Option<Size>) -> Vec<String> {
        let view = Screen {
            url: client.url().as_str(),
            cluster: self.cluster.as_ref(),
            speeds: &self.speeds,
            trouble: self.trouble.as_deref(),
            now: Timestamp::now(),
        };
        screen(&view, size)
    }
}

/// All lines, as wide as the terminal; in full off a terminal.
fn whole() -> Option<Size> {
    std::io::stdout().is_terminal().then(|| Size { lines: usize::MAX, ..size() })
}

fn size() -> Size {
    let lines = terminal_size::terminal_size_of(std::io::stdout()).map_or(24, |(_, lines)| lines.0);
    let columns = width::stdout().unwrap_or(width::DEFAULT);
    Size { columns, lines: if lines == 0 { 24 } else { lines.into() } }
}

/// The terminal without echo, on its other screen. Dropping this restores it.
struct Terminal {
    before: Option<Termios>,
}

impl Terminal {
    fn enter() -> anyhow::Result<Self> {
        // Where stdin is no terminal, only Ctrl-C ends the program.
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet)
                .context("failed to set the terminal")?;
        }
        let terminal = Self { before };
        output::write(ENTER)?;
        Ok(terminal)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = output::write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// The keys that are pressed. The thread that reads them ends with the process.
fn keys() -> mpsc::Receiver<u8> {
    let (sender, keys) = mpsc::channel(16);
    if std::io::stdin().is_terminal() {
        std::thread::spawn(move || {
            let mut key = [0];
            while rustix::io::read(std::io::stdin(), &mut key).is_ok_and(|read| read == 1) {
                if sender.blocking_send(key[0]).is_err() {
                    return;
                }
            }
        });
    }
    keys
}
