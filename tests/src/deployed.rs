//! The template's names for deployed resources.

use std::collections::HashMap;

use crate::environment::{scope, variable};

pub(crate) const FUNCTION: &str = "AWS::Lambda::Function";
/// Used instead of a resource type if the name belongs to a parameter.
pub(crate) const PARAMETER: &str = "parameter";

/// The template's names for deployed resources.
pub(crate) struct Deployed {
    /// The logical id of each resource or the name of each parameter, by its type, and its physical id or value.
    names: HashMap<(String, String), String>,
}

impl Deployed {
    /// Asks `CloudFormation` for the names.
    pub(crate) async fn describe(http: &reqwest::Client, aws_endpoint_url: &str) -> Self {
        let resources = cloudformation(http, aws_endpoint_url, "DescribeStackResources").await;
        let resources = resources.split("<member>").filter_map(|member| {
            let kind = (element(member, "ResourceType")?, element(member, "PhysicalResourceId")?);
            Some((kind, element(member, "LogicalResourceId")?))
        });
        let stack = cloudformation(http, aws_endpoint_url, "DescribeStacks").await;
        let parameters = stack.split("<member>").filter_map(|member| {
            let kind = (PARAMETER.to_owned(), element(member, "ParameterValue")?);
            Some((kind, element(member, "ParameterKey")?))
        });
        let names: HashMap<_, _> = resources.chain(parameters).collect();
        assert!(names.keys().any(|(kind, _)| kind == FUNCTION), "CloudFormation knows no function");
        Self { names }
    }

    /// The template's name, or the physical name if the template does not have it.
    pub(crate) fn name(&self, kind: &str, physical: &str) -> String {
        self.find(kind, physical).unwrap_or(physical).to_owned()
    }

    pub(crate) fn find(&self, kind: &str, physical: &str) -> Option<&str> {
        self.names.get(&(kind.to_owned(), physical.to_owned())).map(String::as_str)
    }
}

async fn cloudformation(http: &reqwest::Client, aws_endpoint_url: &str, action: &str) -> String {
    let query = format!("Action={action}&Version=2010-05-15&StackName={}", variable("CREDICORP_STACK"));
    let request = http.post(aws_endpoint_url).header("authorization", scope("cloudformation"));
    let response = request.body(query).send().await.expect("the local AWS responds");
    response.text().await.expect("the local AWS responds in full")
}

/// The text of an XML element without children. The ones that we read have no escaped characters.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.to_owned())
}
