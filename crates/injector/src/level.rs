//! Levels of logs, as Istio's users write them.

use crate::annotation::Misreading;

const ENVOY: &str = "write trace, debug, info, warning, error, critical or off";
const AGENT: &str = "write trace, debug, info, warn, error, fatal or none";

/// Envoy's level, in the agent's word for it.
pub(crate) fn of_envoy(text: &str) -> Result<&'static str, Misreading> {
    Ok(match text {
        "trace" => "trace",
        "debug" => "debug",
        "info" => "info",
        "warning" | "warn" => "warn",
        "error" | "err" | "critical" | "off" => "error",
        _ => return Err(Misreading::new(format!("{text:?} is no level"), ENVOY)),
    })
}

/// The agent's level: Istio's users may give one for each part of its agent, of which the one for all counts.
pub(crate) fn of_agent(text: &str) -> Result<&'static str, Misreading> {
    let mut of_all = "info";
    for part in text.split(',') {
        let (scope, level) = part.trim().split_once(':').unwrap_or(("default", part));
        let level = match level.trim() {
            "trace" => "trace",
            "debug" => "debug",
            "info" => "info",
            "warn" | "warning" => "warn",
            "error" | "fatal" | "none" => "error",
            _ => return Err(Misreading::new(format!("{level:?} is no level"), AGENT)),
        };
        if matches!(scope, "default" | "all") {
            of_all = level;
        }
    }
    Ok(of_all)
}

#[cfg(test)]
mod tests {
    use super::{of_agent, of_envoy};

    #[test]
    fn levels_are_words() {
        assert_eq!(of_envoy("warning"), Ok("warn"));
        assert_eq!(of_envoy("critical"), Ok("error"));
        assert!(of_envoy("debug --config-yaml {}").is_err());
        assert_eq!(of_agent("default:debug,ca:info"), Ok("debug"));
        assert_eq!(of_agent("ca:debug"), Ok("info"));
        assert_eq!(of_agent("warn"), Ok("warn"));
        assert!(of_agent("loud").is_err());
    }
}
