//! The formats of the exposition, and which of them a scraper prefers.

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics text.
    Text,
    /// Prometheus' protobuf messages, each after its length: the one with native histograms.
    Protobuf,
}

impl Format {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }

    /// The format that `Accept` headers weigh most; text where they weigh both the same and do not
    /// name protobuf first, or name neither.
    pub fn asked_for<'a>(accept: impl Iterator<Item = &'a str>) -> Format {
        let mut best: Option<(Format, u16)> = None;
        for range in accept.flat_map(|header| header.split(',')) {
            let Some((format, weight)) = known(range) else {
                continue;
            };
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((format, weight));
            }
        }
        best.map_or(Format::Text, |(format, _)| format)
    }
}

/// The format of one media range and its weight in thousandths; `None` for what is not made here.
fn known(range: &str) -> Option<(Format, u16)> {
    let name = range.split(';').next()?.trim().to_ascii_lowercase();
    let parameters = || {
        let split = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"').to_owned();
            Some((name.trim().to_ascii_lowercase(), value))
        };
        range.split(';').skip(1).filter_map(split)
    };
    // A parameter that is left out is as good as the one made here.
    let is = |name: &str, wanted: &str| {
        parameters()
            .filter(|(known, _)| known == name)
            .all(|(_, value)| value.eq_ignore_ascii_case(wanted))
    };
    let format = match name.as_str() {
        "application/vnd.google.protobuf"
            if is("proto", "io.prometheus.client.MetricFamily") && is("encoding", "delimited") =>
        {
            Format::Protobuf
        }
        "application/openmetrics-text" | "text/plain" | "text/*" | "application/*" | "*/*" => {
            Format::Text
        }
        _ => return None,
    };
    let weight = parameters().find(|(name, _)| name == "q");
    let weight = weight.map_or(Some(1.0), |(_, value)| value.parse::<f32>().ok())?;
    Some((format, (weight.clamp(0.0, 1.0) * 1000.0) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str = "application/vnd.google.protobuf;\
                            proto=io.prometheus.client.MetricFamily;encoding=delimited";

    #[test]
    fn the_heaviest_format_wins_and_text_is_the_default() {
        let text = "application/openmetrics-text;version=1.0.0";
        for (accept, expected) in [
            (String::new(), Format::Text),
            ("*/*".into(), Format::Text),
            ("image/png".into(), Format::Text),
            (PROTOBUF.into(), Format::Protobuf),
            // As Prometheus asks with native histograms on, and off.
            (
                format!("{PROTOBUF},{text};q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
                Format::Protobuf,
            ),
            (
                format!("{text},{text};q=0.75,text/plain;q=0.5,*/*;q=0.1"),
                Format::Text,
            ),
            (
                format!("{text};q=0.8, {PROTOBUF} ; q=0.9"),
                Format::Protobuf,
            ),
            (format!("{text};q=0.9,{PROTOBUF};q=0.8"), Format::Text),
            (format!("{text},{PROTOBUF}"), Format::Text),
            (format!("{PROTOBUF};q=0"), Format::Text),
            (format!("{PROTOBUF};q=much,*/*;q=0.1"), Format::Text),
            (
                "Application/Vnd.Google.Protobuf; Proto=\"io.prometheus.client.MetricFamily\""
                    .into(),
                Format::Protobuf,
            ),
            (
                "application/vnd.google.protobuf;proto=other.Message".into(),
                Format::Text,
            ),
            (
                "application/vnd.google.protobuf;encoding=text".into(),
                Format::Text,
            ),
        ] {
            assert_eq!(
                Format::asked_for([accept.as_str()].into_iter()),
                expected,
                "{accept}"
            );
        }
        let lines = [text, PROTOBUF];
        assert_eq!(Format::asked_for(lines.into_iter()), Format::Text);
    }
}
