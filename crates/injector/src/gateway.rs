//! Templates: what sort of proxy a pod gets.

use crate::annotation::name::TEMPLATES;
use crate::{Interception, Refusal};

/// What sort of proxy a pod gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// One beside an application.
    Sidecar,
    /// One by itself, to which others connect.
    Gateway,
}

impl Template {
    /// Reads `inject.istio.io/templates`.
    pub fn read(text: Option<&str>) -> Result<Self, Refusal> {
        let mut chosen = None;
        for name in text.unwrap_or("sidecar").split(',').map(str::trim) {
            let template = match name {
                "sidecar" => Self::Sidecar,
                "gateway" => Self::Gateway,
                other => {
                    return Err(Refusal::annotation(
                        TEMPLATES,
                        format!("template {other:?} is not known"),
                        "write sidecar or gateway",
                    ));
                }
            };
            if chosen
                .replace(template)
                .is_some_and(|other| other != template)
            {
                return Err(Refusal::annotation(
                    TEMPLATES,
                    "a proxy is either a sidecar or a gateway",
                    "write one of them",
                ));
            }
        }
        Ok(chosen.unwrap_or(Self::Sidecar))
    }

    /// How traffic gets into such a proxy: others connect to a gateway.
    pub fn interception(self, chosen: Interception) -> Interception {
        match self {
            Self::Sidecar => chosen,
            Self::Gateway => Interception::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn an_unknown_template_is_refused_by_name() {
        assert_eq!(Template::read(None), Ok(Template::Sidecar));
        assert_eq!(Template::read(Some(" gateway ")), Ok(Template::Gateway));
        assert_eq!(
            Template::read(Some("sidecar,sidecar")),
            Ok(Template::Sidecar)
        );
        for (text, part) in [
            ("sidecar,spire", "\"spire\" is not known"),
            ("", "\"\" is not known"),
            ("sidecar,gateway", "either"),
        ] {
            let refusal = Template::read(Some(text)).unwrap_err().to_string();
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}
