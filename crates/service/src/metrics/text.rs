//! Converts `OpenMetrics` to Prometheus' text format 0.0.4. They differ in the names of counters
//! and infos in comments, and in lines that the older format doesn't have.

/// The suffix that `OpenMetrics` appends to the name of a sample, by the type in the comment.
const SUFFIXES: [(&str, &str, &str); 2] = [("counter", "_total", "counter"), ("info", "_info", "gauge")];

/// The same metrics in the older format.
pub(super) fn without_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // HELP comes before TYPE, but the suffix depends on the type.
    let mut help: Option<&str> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = SUFFIXES
                .iter()
                .find(|(open, ..)| *open == kind)
                .map_or(("", if kind == "unknown" { "untyped" } else { kind }), |(_, suffix, kind)| {
                    (suffix, kind)
                });
            if let Some(words) = help.take().and_then(|help| help.strip_prefix(name)) {
                out.extend(["# HELP ", name, suffix, words, "\n"]);
            }
            out.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            out.extend([line, "\n"]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_name_what_the_samples_name() {
        let open = "# HELP a_jobs Jobs.\n# TYPE a_jobs counter\na_jobs_total{state=\"b\"} 3\n\
                    # HELP b Seconds.\n# TYPE b histogram\n# UNIT b seconds\nb_sum 1.0\nb_count 1\nb_bucket{le=\"+Inf\"} 1\n\
                    # HELP carlo_build Which.\n# TYPE carlo_build info\ncarlo_build_info{version=\"1\"} 1\n# EOF\n";
        let expected = "# HELP a_jobs_total Jobs.\n# TYPE a_jobs_total counter\na_jobs_total{state=\"b\"} 3\n\
                        # HELP b Seconds.\n# TYPE b histogram\nb_sum 1.0\nb_count 1\nb_bucket{le=\"+Inf\"} 1\n\
                        # HELP carlo_build_info Which.\n# TYPE carlo_build_info gauge\ncarlo_build_info{version=\"1\"} 1\n";
        assert_eq!(without_open_metrics(open), expected);
    }
}
