//! Fixed answers.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::policy::direct_response::DirectResponse;

/// The answer.
pub(super) fn direct_response(answer: &DirectResponse) -> envoy::route::DirectResponseAction {
    let DirectResponse { status, body } = answer;
    envoy::route::DirectResponseAction {
        status: (*status).into(),
        body: (!body.is_empty()).then(|| envoy::core::DataSource {
            specifier: Some(envoy::core::data_source::Specifier::InlineBytes(
                body.to_vec().into(),
            )),
            ..Default::default()
        }),
        ..Default::default()
    }
}
