//! What is demanded of tokens.

use envoy::core::data_source::Specifier;
use envoy::jwt_authn::jwt_provider::JwksSourceSpecifier;
use envoy::jwt_authn::jwt_requirement::RequiresType;
use envoy::jwt_authn::{JwtAuthentication, JwtProvider, JwtRequirement};
use envoy::{ListValue, Struct, Value, value};
use ferromesh_envoy as envoy;
use serde_json::Map;

use super::keys;
use super::location::{self, Place};
use super::token::{Signature, Token};
use super::{Status, passed_on};
use crate::answer::unknown;
use crate::metadata;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

/// Judges the tokens of a request.
pub(super) struct Court<'a, 'b> {
    config: &'a JwtAuthentication,
    /// Claims that are taken for well signed.
    taken: &'a [Map<String, serde_json::Value>],
    traffic: &'a mut Traffic<'b>,
    /// What good tokens say, by the name under which it is left.
    payloads: Vec<(String, Struct)>,
}

/// What happens if tokens are not there or bad.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lenience {
    /// There need not be any.
    Missing,
    /// And those that are there may be bad.
    MissingOrBad,
}

/// A token somewhere.
enum Presented {
    /// In the request.
    There(location::Found),
    /// Nobody has to show it.
    Taken(usize),
}

impl<'a, 'b> Court<'a, 'b> {
    pub(super) fn new(
        config: &'a JwtAuthentication,
        taken: &'a [Map<String, serde_json::Value>],
        traffic: &'a mut Traffic<'b>,
    ) -> Self {
        Self {
            config,
            taken,
            traffic,
            payloads: Vec::new(),
        }
    }

    /// What good tokens say.
    pub(super) fn into_payloads(self) -> Vec<(String, Struct)> {
        self.payloads
    }

    /// Judges by a requirement.
    pub(super) fn judge(&mut self, requirement: &JwtRequirement) -> Result<Status, Outcome> {
        match &requirement.requires_type {
            None => Ok(Status::Good),
            Some(RequiresType::ProviderName(name)) => {
                let provider = self.provider(name)?;
                self.by_provider(provider, &provider.audiences)
            }
            Some(RequiresType::ProviderAndAudiences(with)) => {
                let provider = self.provider(&with.provider_name)?;
                let audiences = if with.audiences.is_empty() {
                    &provider.audiences
                } else {
                    &with.audiences
                };
                self.by_provider(provider, &audiences.clone())
            }
            Some(RequiresType::RequiresAny(any)) => self.any(&any.requirements),
            Some(RequiresType::RequiresAll(all)) => {
                for requirement in &all.requirements {
                    match self.judge(requirement)? {
                        Status::Good => {}
                        status => return Ok(status),
                    }
                }
                Ok(Status::Good)
            }
            Some(RequiresType::AllowMissing(_)) => self.leniently(&[], Lenience::Missing),
            Some(RequiresType::AllowMissingOrFailed(_)) => {
                self.leniently(&[], Lenience::MissingOrBad)
            }
            Some(RequiresType::ExtractOnlyWithoutValidation(_)) => {
                Err(unknown("tokens that nobody verifies"))
            }
        }
    }

    /// One must hold. What is lenient is judged last, and by what the others have found.
    fn any(&mut self, requirements: &[JwtRequirement]) -> Result<Status, Outcome> {
        let mut beside = Vec::new();
        let mut lenient: Option<&JwtRequirement> = None;
        let mut failure = Status::Missing;
        let mut strict = Vec::new();
        for requirement in requirements {
            match &requirement.requires_type {
                Some(RequiresType::AllowMissing(_)) if lenient.is_some() => {}
                Some(RequiresType::AllowMissing(_) | RequiresType::AllowMissingOrFailed(_)) => {
                    lenient = Some(requirement);
                }
                other => {
                    match other {
                        Some(RequiresType::ProviderName(name)) => beside.push(&**name),
                        Some(RequiresType::ProviderAndAudiences(with)) => {
                            beside.push(&with.provider_name);
                        }
                        _ => {}
                    }
                    strict.push(requirement);
                }
            }
        }
        let mut found = false;
        for requirement in strict {
            match self.judge(requirement)? {
                Status::Good => return Ok(Status::Good),
                Status::Missing => {}
                Status::UnknownIssuer if failure != Status::Missing => found = true,
                status => {
                    failure = status;
                    found = true;
                }
            }
        }
        match lenient.and_then(|it| it.requires_type.as_ref()) {
            // Envoy doesn't look again: where the others have found a token, it is there.
            Some(RequiresType::AllowMissing(_)) if !found => Ok(Status::Good),
            Some(RequiresType::AllowMissingOrFailed(_)) => {
                self.leniently(&beside, Lenience::MissingOrBad)
            }
            _ => Ok(failure),
        }
    }

    fn provider(&self, name: &str) -> Result<&'a JwtProvider, Outcome> {
        self.config
            .providers
            .get(name)
            .ok_or_else(|| unknown(format!("the provider of tokens {name}")))
    }

    /// All tokens at the provider's places must be its own, and good.
    fn by_provider(
        &mut self,
        provider: &'a JwtProvider,
        audiences: &[String],
    ) -> Result<Status, Outcome> {
        let mut status = Status::Missing;
        for presented in self.presented(&[provider]).into_iter().rev() {
            status = match self.token(&presented) {
                Err(status) => status,
                Ok(token) if !is_of(provider, token.issuer()) => Status::UnknownIssuer,
                Ok(token) => self.verify(&token, provider, audiences, &presented)?,
            };
            if status != Status::Good {
                return Ok(status);
            }
        }
        Ok(status)
    }

    /// Tokens need not be there, or not be good. Places are those of the providers beside, else
    /// of all; what counts is the last token that Envoy looks at.
    fn leniently(&mut self, beside: &[&str], lenience: Lenience) -> Result<Status, Outcome> {
        let providers = if beside.is_empty() {
            self.config.providers.values().collect()
        } else {
            let found = beside.iter().map(|name| self.provider(name));
            found.collect::<Result<Vec<_>, _>>()?
        };
        let mut status = Status::Missing;
        for presented in self.presented(&providers).iter().rev() {
            status = self.verify_by_issuer(presented, &providers)?;
            if let Status::Unknown(_) = status {
                return Ok(status);
            }
        }
        Ok(match (lenience, status) {
            (Lenience::MissingOrBad, _) | (Lenience::Missing, Status::Missing) => Status::Good,
            (Lenience::Missing, status) => status,
        })
    }

    /// Judges a token by the provider that its issuer is.
    fn verify_by_issuer(
        &mut self,
        presented: &Presented,
        at: &[&'a JwtProvider],
    ) -> Result<Status, Outcome> {
        let token = match self.token(presented) {
            Ok(token) => token,
            Err(status) => return Ok(status),
        };
        let allowed = match presented {
            Presented::Taken(_) => true,
            Presented::There(found) => at
                .iter()
                .filter(|provider| location::places(provider).contains(&found.place))
                .any(|provider| is_of(provider, token.issuer())),
        };
        let all = || self.config.providers.values();
        let provider = all()
            .find(|provider| provider.issuer == token.issuer())
            .or_else(|| all().find(|provider| provider.issuer.is_empty()));
        match provider {
            Some(provider) if allowed => {
                self.verify(&token, provider, &provider.audiences, presented)
            }
            _ => Ok(Status::UnknownIssuer),
        }
    }

    /// Tokens at the places of providers, those that are taken for good first.
    fn presented(&self, providers: &[&JwtProvider]) -> Vec<Presented> {
        let places: Vec<Place> = providers
            .iter()
            .flat_map(|it| location::places(it))
            .collect();
        let found = location::tokens(&places, &self.traffic.headers);
        let taken = self.taken.iter().enumerate().filter(|(_, claims)| {
            let issuer = claims.get("iss").and_then(|it| it.as_str());
            let mut theirs = self
                .config
                .providers
                .values()
                .filter(|provider| is_of(provider, issuer.unwrap_or_default()))
                .flat_map(location::places)
                .peekable();
            theirs.peek().is_none() || theirs.any(|place| places.contains(&place))
        });
        taken
            .map(|(index, _)| Presented::Taken(index))
            .chain(found.into_iter().map(Presented::There))
            .collect()
    }

    fn token(&self, presented: &Presented) -> Result<Token, Status> {
        match presented {
            Presented::There(found) => Token::parse(&found.token),
            Presented::Taken(index) => match self.taken.get(*index) {
                Some(claims) => Token::taken(claims),
                None => Err(Status::Missing),
            },
        }
    }

    fn verify(
        &mut self,
        token: &Token,
        provider: &JwtProvider,
        audiences: &[String],
        presented: &Presented,
    ) -> Result<Status, Outcome> {
        if provider.subjects.is_some() || provider.max_lifetime.is_some() {
            return Err(unknown("further demands on tokens"));
        }
        if provider.require_expiration && !token.claims.contains_key("exp") {
            return Ok(Status::Bad("Jwt expiration is required".to_owned()));
        }
        if let Err(status) = token.check_time(self.traffic.now, provider.clock_skew_seconds) {
            return Ok(status);
        }
        if !token.is_for(audiences) {
            return Ok(Status::WrongAudience);
        }
        let status = signed(token, provider)?;
        if status == Status::Good {
            self.accept(token, provider, presented);
        }
        Ok(status)
    }

    /// Leaves what a token says, and takes it away from those behind if they shall not have it.
    fn accept(&mut self, token: &Token, provider: &JwtProvider, presented: &Presented) {
        passed_on::write(provider, token, &mut self.traffic.headers);
        let headers = &mut self.traffic.headers;
        if !provider.forward
            && let Presented::There(found) = presented
        {
            match &found.place {
                Place::Header { name, .. } => headers.remove(name),
                Place::Parameter(name) => {
                    let path = location::without_parameter(headers.path(), name);
                    headers.set(":path", &path);
                }
                // Envoy leaves cookies alone.
                Place::Cookie(_) => {}
            }
        }
        let struct_of = |fields: &Map<String, serde_json::Value>| Struct {
            fields: fields
                .iter()
                .map(|(key, value)| (key.clone(), metadata::from_json(value)))
                .collect(),
        };
        if !provider.payload_in_metadata.is_empty() {
            let mut payload = struct_of(&token.claims);
            split(provider, &mut payload);
            self.payloads
                .push((provider.payload_in_metadata.clone(), payload));
        }
        if !provider.header_in_metadata.is_empty() {
            self.payloads.push((
                provider.header_in_metadata.clone(),
                struct_of(&token.header),
            ));
        }
    }
}

/// Whether an issuer is a provider's; a provider without one takes all.
fn is_of(provider: &JwtProvider, issuer: &str) -> bool {
    provider.issuer.is_empty() || provider.issuer == issuer
}

fn signed(token: &Token, provider: &JwtProvider) -> Result<Status, Outcome> {
    if matches!(token.signature, Signature::Taken) {
        return Ok(Status::Good);
    }
    let keys = match &provider.jwks_source_specifier {
        Some(JwksSourceSpecifier::LocalJwks(source)) => match &source.specifier {
            Some(Specifier::InlineString(keys)) => Some(keys.clone()),
            Some(Specifier::InlineBytes(keys)) => String::from_utf8(keys.to_vec()).ok(),
            _ => None,
        },
        _ => None,
    };
    keys.map(|keys| keys::verify(token, &keys))
        .ok_or_else(|| unknown(format!("the keys of {}", provider.issuer)))
}

/// Claims that are lists separated by spaces, as lists.
fn split(provider: &JwtProvider, payload: &mut Struct) {
    let Some(normalize) = &provider.normalize_payload_in_metadata else {
        return;
    };
    for name in &normalize.space_delimited_claims {
        if let Some(Value { kind }) = payload.fields.get_mut(name)
            && let Some(value::Kind::StringValue(text)) = kind
        {
            let parts = text.split(' ').filter(|it| !it.is_empty());
            let values = parts.map(metadata::string).collect();
            *kind = Some(value::Kind::ListValue(ListValue { values }));
        }
    }
}
