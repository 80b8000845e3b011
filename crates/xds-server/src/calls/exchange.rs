//! One call on a connection.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use ferromesh_xds::frame::PREFIX;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::{Answer, Call, Calls, Status};
use crate::chunk::Chunk;
use crate::input::{Fault, Input};
use crate::peer::Peer;
use crate::server::Shared;
use crate::status::{
    DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED,
    status_trailers,
};

/// From the request to the last byte of the answer.
pub(crate) struct Exchange {
    respond: SendResponse<Chunk>,
    step: Step,
    until: Instant,
    /// Ends with the call.
    _permit: OwnedSemaphorePermit,
}

enum Step {
    Reading {
        path: String,
        authorization: Option<String>,
        peer: Arc<Peer>,
        calls: Arc<dyn Calls>,
        input: Box<Input>,
    },
    Waiting(Answer),
    Writing {
        send: SendStream<Chunk>,
        rest: Bytes,
    },
}

/// The call is over, one way or another.
struct Over;

impl Exchange {
    pub(crate) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Chunk>,
        peer: Arc<Peer>,
        shared: &Shared,
        tie: (Arc<dyn Calls>, OwnedSemaphorePermit),
    ) -> Self {
        let limits = &shared.limits;
        let (calls, permit) = tie;
        let path = request.uri().path().to_owned();
        let authorization = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let permits = Arc::clone(&shared.large_messages);
        let body = request.into_body();
        let input = Input::new(body, limits.call_message, permits, limits.patience);
        Self {
            respond,
            step: Step::Reading {
                path,
                authorization,
                peer,
                calls,
                input: Box::new(input),
            },
            until: Instant::now() + limits.call,
            _permit: permit,
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.until
    }

    /// Does what can be done; ready when the call is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        loop {
            match self.step(cx, now) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(Over)) => return Poll::Ready(()),
            }
        }
    }

    fn step(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), Over>> {
        let late = self.until <= now;
        match &mut self.step {
            Step::Reading { .. } | Step::Waiting(_) if self.respond.poll_reset(cx).is_ready() => {
                Poll::Ready(Err(Over))
            }
            Step::Reading { .. } | Step::Waiting(_) if late => {
                self.refuse(DEADLINE_EXCEEDED, "the call took too long");
                Poll::Ready(Err(Over))
            }
            Step::Reading { input, .. } => {
                let message = ready!(input.poll_message(cx, now));
                Poll::Ready(self.call(message))
            }
            Step::Waiting(answer) => {
                let answer = ready!(answer.as_mut().poll(cx));
                Poll::Ready(self.answer(answer))
            }
            Step::Writing { send, rest: _ } if late => {
                send.send_reset(h2::Reason::CANCEL);
                Poll::Ready(Err(Over))
            }
            Step::Writing { send, rest } => write(send, rest, cx),
        }
    }

    fn call(&mut self, message: Option<Result<Bytes, Fault>>) -> Result<(), Over> {
        let body = match message {
            Some(Ok(body)) => body,
            Some(Err(Fault::Broken)) => return Err(Over),
            Some(Err(Fault::Compressed)) => {
                return Err(self.refuse(UNIMPLEMENTED, "the message is compressed"));
            }
            Some(Err(Fault::Oversize | Fault::Late)) => {
                return Err(self.refuse(RESOURCE_EXHAUSTED, "the message is longer than allowed"));
            }
            None => return Err(self.refuse(INVALID_ARGUMENT, "there is no message")),
        };
        let Step::Reading {
            path,
            authorization,
            peer,
            calls,
            input: _,
        } = &mut self.step
        else {
            return Err(Over);
        };
        let call = Call {
            path: std::mem::take(path),
            authorization: authorization.take(),
            peer: Arc::clone(peer),
            body,
        };
        match calls.call(call) {
            Some(answer) => {
                self.step = Step::Waiting(answer);
                Ok(())
            }
            None => Err(self.refuse(UNIMPLEMENTED, "no such method")),
        }
    }

    fn answer(&mut self, answer: Result<Bytes, Status>) -> Result<(), Over> {
        let body = match answer {
            Ok(body) => body,
            // An error is one, even if it claims to be none.
            Err(Status { code: 0, message }) => return Err(self.refuse(INTERNAL, &message)),
            Err(Status { code, message }) => return Err(self.refuse(code, &message)),
        };
        let Ok(length) = u32::try_from(body.len()) else {
            return Err(self.refuse(INTERNAL, "the answer is too long"));
        };
        let mut framed = BytesMut::with_capacity(PREFIX + body.len());
        framed.put_u8(0);
        framed.put_u32(length);
        framed.extend_from_slice(&body);
        let send = self.respond.send_response(head(), false);
        self.step = Step::Writing {
            send: send.map_err(|_| Over)?,
            rest: framed.freeze(),
        };
        Ok(())
    }

    /// Answers with a status alone.
    fn refuse(&mut self, code: u8, message: &str) -> Over {
        refuse(&mut self.respond, code, message);
        Over
    }
}

/// Answers a request with a status alone.
pub(crate) fn refuse(respond: &mut SendResponse<Chunk>, code: u8, message: &str) {
    let mut response = head();
    response
        .headers_mut()
        .extend(status_trailers(code, message));
    // Whoever is gone needs no answer.
    let _ = respond.send_response(response, true);
}

/// The begin of every response.
pub(crate) fn head() -> Response<()> {
    let mut response = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}

/// Writes as much as the client takes.
fn write(
    send: &mut SendStream<Chunk>,
    rest: &mut Bytes,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Over>> {
    while !rest.is_empty() {
        send.reserve_capacity(rest.len());
        if send.capacity() == 0 {
            match ready!(send.poll_capacity(cx)) {
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Poll::Ready(Err(Over)),
            }
        }
        let part = rest.split_to(send.capacity().min(rest.len()));
        if send.send_data(Chunk::Answer(part), false).is_err() {
            return Poll::Ready(Err(Over));
        }
    }
    // Whoever is gone needs no end.
    let _ = send.send_trailers(status_trailers(0, ""));
    Poll::Ready(Err(Over))
}
