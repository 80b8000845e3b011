//! Where the application's metrics are.

use hyper::http::uri::PathAndQuery;
use serde::Deserialize;

/// Where that is written down, as in Istio: JSON of what the pod's annotations for Prometheus say.
pub const ENVIRONMENT: &str = "ISTIO_PROMETHEUS_ANNOTATIONS";

/// Prometheus' usual path, and its usual port.
const PATH: &str = "/metrics";
/// The same.
const PORT: u16 = 80;

/// What is scraped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets(pub Vec<Target>);

/// One of the places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The port.
    pub port: u16,
    /// The path.
    pub path: PathAndQuery,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    scrape: String,
    path: String,
    port: String,
    targets: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    path: String,
    #[serde(default)]
    port: String,
}

impl Targets {
    /// Reads them; an empty text has none.
    ///
    /// # Errors
    /// When the text is not what an injector writes.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Written {
            scrape,
            path,
            port,
            targets,
        } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if scrape.eq_ignore_ascii_case("false") {
            return Ok(Self::default());
        }
        let places = if targets.is_empty() {
            vec![Place { path, port }]
        } else {
            targets
        };
        places
            .into_iter()
            .map(Target::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Target {
    fn read(place: Place) -> Result<Self, String> {
        let Place { path, port } = place;
        let path = match path.as_str() {
            "" => PATH,
            path => path,
        };
        Ok(Self {
            port: match port.as_str() {
                "" => PORT,
                port => port.parse().map_err(|_| format!("{port:?} is no port"))?,
            },
            path: path.parse().map_err(|_| format!("{path:?} is no path"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_say_where_metrics_are() {
        let read = |text: &str| {
            let targets = Targets::parse(text).expect("targets").0;
            let told = targets
                .iter()
                .map(|Target { port, path }| format!("{port}{path}"));
            told.collect::<Vec<_>>()
        };
        assert_eq!(read(""), Vec::<String>::new());
        assert_eq!(
            read(r#"{"scrape": "true", "path": "", "port": "9100"}"#),
            ["9100/metrics"]
        );
        assert_eq!(
            read(r#"{"scrape": "", "path": "/m", "port": ""}"#),
            ["80/m"]
        );
        assert_eq!(
            read(r#"{"scrape": "false", "port": "1"}"#),
            Vec::<String>::new()
        );
        let two = r#"{"targets": [{"port": "1", "path": "/a"}, {"port": "2", "path": "/b"}]}"#;
        assert_eq!(read(two), ["1/a", "2/b"]);
        assert!(Targets::parse(r#"{"port": "x"}"#).is_err());
        assert!(Targets::parse(r#"{"port": "1", "path": "no path"}"#).is_err());
    }
}
