//! Progress of a running job: bars on a terminal, regular lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use carlo_rest::Job;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::exit::say;
use crate::output::print;
use crate::render::progress::{beside_bar, line, node_line};
use crate::render::{visible, width};

/// No bar is shown for jobs that end within this time.
const BAR_AFTER: Duration = Duration::from_millis(200);
/// The time between two lines on stderr.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The time between two lines on stdout.
const WATCH_EVERY: Duration = Duration::from_secs(1);

const BAR: &str = "▕{bar:16}▏{msg}";
/// The columns of the bar, and of the indentation of a node's line.
const BAR_COLUMNS: usize = 18;
const INDENT_COLUMNS: usize = 2;

/// The display of a running job.
#[derive(Debug)]
pub struct Progress {
    display: Display,
    /// The time of the first update.
    first: Option<Instant>,
}

#[derive(Debug)]
enum Display {
    Nothing,
    Bars(Bars),
    Lines(Lines),
}

impl Progress {
    /// Shows a bar on stderr, or a line every few seconds if stderr is not a terminal.
    pub fn aside() -> Self {
        let display = if std::io::stderr().is_terminal() {
            Display::Bars(Bars::new(ProgressDrawTarget::stderr(), false))
        } else {
            Display::Lines(Lines { watch: false, last: None })
        };
        Self { display, first: None }
    }

    /// Shows a bar and a line for each node on stdout, or regular lines if stdout is not a
    /// terminal.
    pub fn watch() -> Self {
        let display = if std::io::stdout().is_terminal() {
            Display::Bars(Bars::new(ProgressDrawTarget::stdout(), true))
        } else {
            Display::Lines(Lines { watch: true, last: None })
        };
        Self { display, first: None }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self { display: Display::Nothing, first: None }
    }

    /// Shows the job, if an update is due.
    pub fn show(&mut self, job: &Job) -> anyhow::Result<()> {
        let now = Instant::now();
        let first = *self.first.get_or_insert(now);
        match &mut self.display {
            Display::Nothing => Ok(()),
            Display::Bars(bars) => {
                if bars.nodes_too || now - first >= BAR_AFTER {
                    bars.show(job);
                }
                Ok(())
            }
            Display::Lines(lines) => lines.show(job, first, now),
        }
    }

    /// Removes the bars.
    pub fn clear(&mut self) {
        if let Display::Bars(bars) = &mut self.display {
            // Each bar must be finished, or it would be drawn again when it is dropped.
            bars.nodes.values().chain(&bars.job).for_each(ProgressBar::finish_and_clear);
            bars.nodes.clear();
            bars.job = None;
        }
    }
}

/// Cuts the text to the rest of the terminal's width, so that it doesn't wrap.
fn fitted(text: &str, taken: usize) -> String {
    // One column is left free, because some terminals wrap full lines.
    let most = width::terminal().unwrap_or(width::DEFAULT).saturating_sub(taken + 1);
    width::cut(&visible::line(text), most)
}

#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    job: Option<ProgressBar>,
    nodes: BTreeMap<String, ProgressBar>,
    nodes_too: bool,
}

impl Bars {
    fn new(target: ProgressDrawTarget, nodes_too: bool) -> Self {
        Self { all: MultiProgress::with_draw_target(target), job: None, nodes: BTreeMap::new(), nodes_too }
    }

    fn show(&mut self, job: &Job) {
        let bar = self.job.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(BAR).expect("the template is fixed");
            self.all
                .add(ProgressBar::new(job.simulations_total).with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")))
        });
        bar.set_message(fitted(&beside_bar(job), BAR_COLUMNS));
        bar.set_position(job.simulations_complete);
        if !self.nodes_too {
            return;
        }
        for (id, node) in &job.node_progress {
            let line = self.nodes.entry(id.clone()).or_insert_with(|| {
                let style = ProgressStyle::with_template("  {msg}").expect("the template is fixed");
                self.all.add(ProgressBar::new(job.simulations_total).with_style(style))
            });
            line.set_message(fitted(&node_line(id, node), INDENT_COLUMNS));
        }
    }
}

#[derive(Debug)]
struct Lines {
    watch: bool,
    last: Option<(Instant, u64)>,
}

impl Lines {
    fn show(&mut self, job: &Job, first: Instant, now: Instant) -> anyhow::Result<()> {
        let every = if self.watch { WATCH_EVERY } else { LINE_EVERY };
        let due = match self.last {
            Some((last, _)) => now - last >= every,
            None => self.watch || now - first >= every,
        };
        let news = self.last.is_none_or(|(_, simulations)| simulations != job.simulations_complete);
        if !due || !news {
            return Ok(());
        }
        self.last = Some((now, job.simulations_complete));
        if !self.watch {
            say(&line(job));
            return Ok(());
        }
        let nodes = job.node_progress.iter().map(|(id, node)| format!("\n  {}", node_line(id, node)));
        print(&(line(job) + &nodes.collect::<String>()))
    }
}
