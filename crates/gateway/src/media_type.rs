//! Content negotiation: the media type that a client prefers (RFC 9110, section 12.5.1).

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use crate::problem::Failure;

/// The media type of `offered` that a client prefers. Without a preference it is the first one.
///
/// # Errors
///
/// 406 if the client accepts none of them.
pub(crate) fn choose<T: Copy>(headers: &HeaderMap, offered: &[(&'static str, T)]) -> Result<T, Failure> {
    let accepted: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges = accepted.iter().flat_map(|list| list.split(',')).filter_map(range);
    let mut best: Option<(f32, T)> = None;
    let mut is_any = true;
    for (range, quality) in ranges {
        is_any = false;
        let is_meant = |media_type: &str| {
            range == "*/*"
                || media_type == range
                || range.strip_suffix("/*").is_some_and(|kind| media_type.split('/').next() == Some(kind))
        };
        if let Some((_, offer)) = offered.iter().find(|(media_type, _)| is_meant(media_type))
            && quality > best.map_or(0.0, |(best, _)| best)
        {
            best = Some((quality, *offer));
        }
    }
    let first = if is_any { offered.first().map(|(_, offer)| *offer) } else { None };
    best.map(|(_, offer)| offer).or(first).ok_or_else(|| {
        let names: Vec<&str> = offered.iter().map(|(media_type, _)| *media_type).collect();
        Failure::new(StatusCode::NOT_ACCEPTABLE, format!("this is sent as {}", names.join(", ")))
    })
}

/// A media range and its weight; 0 means that it is not acceptable.
fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((range, quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_offer_is_taken() {
        let offered = [("application/json", 0), ("text/csv", 1), ("application/jsonl", 2)];
        let chosen = |accept: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            choose(&headers, &offered).ok()
        };
        for (accept, expected) in [
            (None, Some(0)),
            (Some("*/*"), Some(0)),
            (Some("text/csv"), Some(1)),
            (Some("TEXT/*;q=0.5, application/jsonl; q=0.9"), Some(2)),
            (Some("text/html, application/*"), Some(0)),
            (Some("text/html, */*;q=0.1"), Some(0)),
            (Some("text/csv;q=0"), None),
            (Some("text/html"), None),
        ] {
            assert_eq!(chosen(accept), expected, "{accept:?}");
        }
    }
}
