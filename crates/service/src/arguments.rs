//! Arguments and environment variables, as all of carlo's programs read them.
//!
//! An empty variable counts as not set. A variable for a switch takes `1`, `yes`, `on`, `true` and
//! their opposites. Lists are separated by commas, with optional blanks around the items.

use std::convert::Infallible;
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Command, Parser};

/// The only argument of a program that writes its page of the manual, which packages have.
const MAN_PAGE: &str = "--man-page";

/// Parses the command line and the variables. On an error or `--help` the process ends as clap
/// does.
pub fn parse<P: Parser>() -> P {
    if std::env::args_os().skip(1).eq([MAN_PAGE]) {
        let written = clap_mangen::Man::new(P::command()).render(&mut std::io::stdout());
        std::process::exit(i32::from(written.is_err()));
    }
    let matches = lenient(P::command()).get_matches();
    P::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Applies these rules for variables to a command.
pub fn lenient(command: Command) -> Command {
    let mut command = command;
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(name, lenient);
    }
    command.mut_args(|arg| {
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        // clap remembers the variable's value with the argument.
        let is_empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        let arg = if is_empty { arg.env(None::<&'static str>) } else { arg };
        if is_switch { arg.value_parser(BoolishValueParser::new()) } else { arg }
    })
}

/// Items separated by commas. Blanks around items are trimmed, and empty items are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List(pub Vec<String>);

impl FromStr for List {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(Self(items.map(str::to_owned).collect()))
    }
}

/// The items of all lists: the values of an option that may be repeated.
pub fn items(lists: Vec<List>) -> Vec<String> {
    lists.into_iter().flat_map(|list| list.0).collect()
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    #[test]
    fn items_are_trimmed_and_empty_ones_left_out() {
        let list: List = " http://a:1, http://b:2 ,".parse().unwrap();
        assert_eq!(list.0, ["http://a:1", "http://b:2"]);
        assert!(",".parse::<List>().unwrap().0.is_empty());
    }

    #[derive(Debug, Parser)]
    struct Arguments {
        // cargo sets it for every test, and it is never empty.
        #[arg(long, env = "CARGO_PKG_NAME")]
        name: Option<String>,
        #[arg(long, env = "CARLO_TEST_NOT_SET")]
        switch: bool,
    }

    #[test]
    fn the_command_line_is_read_as_before() {
        let parse = |arguments: &[&str]| {
            let matches = lenient(<Arguments as clap::CommandFactory>::command())
                .try_get_matches_from([&["program"], arguments].concat())
                .unwrap();
            Arguments::from_arg_matches(&matches).unwrap()
        };
        let arguments = parse(&["--switch"]);
        assert!(arguments.switch);
        assert_eq!(arguments.name.as_deref(), Some("carlo-service"));
        assert!(!parse(&[]).switch);
    }
}
