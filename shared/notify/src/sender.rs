//! Sending mails with SES.

use std::time::Duration;

use aws_sdk_sesv2::Client as Ses;
use aws_sdk_sesv2::config::Builder;
use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::{SendEmailError, SendEmailOutput};
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use domain::{EmailAddress, EnquiryId, Environment, RecordedEnquiry};

use crate::inboxes::Inboxes;
use crate::mail::Mail;
use crate::timeouts::timeouts_of;

/// The tag by which SES's events lead back to the enquiry.
pub(crate) const ENQUIRY_TAG: &str = "enquiry_id";
const ENQUIRY_HEADER: &str = "X-Credicorp-Enquiry-Id";
const CHARSET: &str = "UTF-8";

/// Sends notifications to the departments' inboxes.
#[derive(Clone, Debug)]
pub struct MailSender {
    client: Ses,
    sender: EmailAddress,
    inboxes: Inboxes,
    configuration_set: String,
    budget: Duration,
}

/// SES did not confirm that it took the mail. The texts hold a code and no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It did not take it, and may do so later: it is throttled, or something about the account is to be put right.
    #[error("{0}")]
    NotNow(String),
    /// It may have taken it: there was no response, or one that does not say.
    #[error("{0}")]
    Unconfirmed(String),
    /// It rejects the mail, for what is wrong with it or with the account: SES says both under one code, in words that change.
    #[error("{0}")]
    Refused(String),
}

impl MailSender {
    /// Sends from `sender` under `configuration_set`, which makes SES report on each mail. SES has `budget` to
    /// respond, whether it is asked once or twice; there is one attempt, since a second might be a second mail.
    #[must_use]
    pub fn new(
        sdk: &SdkConfig,
        sender: EmailAddress,
        inboxes: Inboxes,
        configuration_set: String,
        budget: Duration,
    ) -> Self {
        let config = Builder::from(sdk)
            .timeout_config(timeouts_of(sdk, budget, budget))
            .retry_config(RetryConfig::disabled())
            .build();
        Self { client: Ses::from_conf(config), sender, inboxes, configuration_set, budget }
    }

    /// Sends the email of an enquiry to its department, and returns SES's id of the email. If SES refuses the request, it is sent once
    /// more without the enquirer's address as Reply-To: an address that SES does not accept must not keep the email from the department.
    /// The email's text shows the address in any case.
    ///
    /// # Errors
    /// When SES did not confirm that it took it.
    pub async fn send(&self, record: &RecordedEnquiry, mail: &Mail) -> Result<String, SendError> {
        let asking = async {
            let sent = self.send_with(record, mail).await;
            let is_refused = mail.reply_to.is_some() && sent.as_ref().is_err_and(is_bad_request);
            match is_refused.then(|| Mail::without_reply_to(record)) {
                Some(Ok(mail)) => self.send_with(record, &mail).await,
                _ => sent,
            }
        };
        match tokio::time::timeout(self.budget, asking).await {
            Ok(Ok(sent)) => {
                sent.message_id.ok_or_else(|| SendError::Unconfirmed("a response without a message id".to_owned()))
            }
            Ok(Err(error)) => Err(SendError::of(&error)),
            Err(_elapsed) => Err(SendError::Unconfirmed("timeout".to_owned())),
        }
    }

    async fn send_with(
        &self,
        record: &RecordedEnquiry,
        mail: &Mail,
    ) -> Result<SendEmailOutput, SdkError<SendEmailError, HttpResponse>> {
        let content = content_of(&record.id, mail).map_err(SdkError::construction_failure)?;
        let tags = tags_of(record).map_err(SdkError::construction_failure)?;
        let inboxes = self.inboxes.of(&record.enquiry).map(|inbox| inbox.as_ascii().to_owned()).collect();
        self.client
            .send_email()
            .from_email_address(self.sender_of(record.enquiry.environment))
            .destination(Destination::builder().set_to_addresses(Some(inboxes)).build())
            .set_reply_to_addresses(mail.reply_to.as_ref().map(|address| vec![address.as_ascii().to_owned()]))
            .content(content)
            .configuration_set_name(&self.configuration_set)
            .set_email_tags(Some(tags))
            .send()
            .await
    }

    /// The sender that an inbox lists beside the subject.
    fn sender_of(&self, environment: Environment) -> String {
        let name = match environment {
            Environment::Sandbox => "Credicorp enquiries SANDBOX",
            Environment::Live => "Credicorp enquiries",
        };
        format!("{name} <{}>", self.sender.as_ascii())
    }
}

impl SendError {
    /// No code of SES is final: the fault may pass or be corrected, and an enquiry must not be lost to a code that we do not know.
    fn of(error: &SdkError<SendEmailError, HttpResponse>) -> Self {
        match error {
            SdkError::TimeoutError(_) => Self::Unconfirmed("timeout".to_owned()),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Unconfirmed("timeout".to_owned()),
            SdkError::DispatchFailure(_) => Self::Unconfirmed("no connection".to_owned()),
            SdkError::ResponseError(_) => Self::Unconfirmed("unreadable response".to_owned()),
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("no code").to_owned();
                match service.err() {
                    _ if service.raw().status().is_server_error() => Self::Unconfirmed(code),
                    SendEmailError::MessageRejected(_) => Self::Refused(code),
                    _ => Self::NotNow(code),
                }
            }
            _ => Self::NotNow("the request could not be built".to_owned()),
        }
    }
}

fn content_of(id: &EnquiryId, mail: &Mail) -> Result<EmailContent, BuildError> {
    let content = |data: &str| Content::builder().data(data).charset(CHARSET).build();
    let body = Body::builder().text(content(&mail.text)?).html(content(&mail.html)?).build();
    let header = MessageHeader::builder().name(ENQUIRY_HEADER).value(id.as_str()).build()?;
    let message = Message::builder().subject(content(&mail.subject)?).body(body).headers(header).build();
    Ok(EmailContent::builder().simple(message).build())
}

fn tags_of(RecordedEnquiry { id, enquiry }: &RecordedEnquiry) -> Result<Vec<MessageTag>, BuildError> {
    let dept = enquiry.submission.dept.map(|dept| ("dept", dept.as_str()));
    [
        (ENQUIRY_TAG, id.as_str()),
        ("environment", enquiry.environment.as_str()),
        ("form", enquiry.submission.form.registered_key()),
    ]
    .into_iter()
    .chain(dept)
    .map(|(name, value)| MessageTag::builder().name(name).value(value).build())
    .collect()
}

fn is_bad_request(error: &SdkError<SendEmailError, HttpResponse>) -> bool {
    matches!(error.as_service_error(), Some(SendEmailError::BadRequestException(_)))
}
