//! Where the application's metrics are.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::http::uri::PathAndQuery;
use serde::Deserialize;

use super::path;

/// Where that is written down, as in Istio: JSON of what the pod's annotations for Prometheus say.
pub const ENVIRONMENT: &str = "ISTIO_PROMETHEUS_ANNOTATIONS";

/// Prometheus' usual path, and its usual port.
const PATH: &str = "/metrics";
/// The same.
const PORT: u16 = 80;

/// How long metrics may take when nobody says how long he waits. Prometheus waits ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is left to put the parts together when somebody says it.
const REST: Duration = Duration::from_millis(500);

/// The shortest time that an application gets.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long an application may take, so that whoever scrapes gets at least the rest.
pub fn patience(headers: &HeaderMap) -> Duration {
    let said = headers.get("x-prometheus-scrape-timeout-seconds");
    let said = said.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    let said = said.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    said.map_or(PATIENCE, |said| {
        said.saturating_sub(REST).clamp(SHORTEST, PATIENCE)
    })
}

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
            path: path::read(path).ok_or_else(|| format!("{path:?} is no path"))?,
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
        assert_eq!(
            read(r#"{"port": "1", "path": "a path?x=1"}"#),
            ["1/a%20path?x=1"]
        );
    }

    #[test]
    fn whoever_scrapes_says_how_long_he_waits() {
        let said = |seconds: &str| {
            let mut headers = HeaderMap::new();
            let seconds = seconds.parse().expect("a value");
            headers.insert("x-prometheus-scrape-timeout-seconds", seconds);
            patience(&headers)
        };
        assert_eq!(patience(&HeaderMap::new()), PATIENCE);
        assert_eq!(said("3"), Duration::from_millis(2500));
        assert_eq!(said("0.1"), SHORTEST);
        for other in ["60", "-1", "NaN", "1e300", "soon"] {
            assert_eq!(said(other), PATIENCE, "{other}");
        }
    }
}
