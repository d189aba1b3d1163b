// AWS Signature Version 4: the headers that prove to an AWS service who sent a request and that nobody
// changed it.
//
// It is written after AWS's documentation ("Create a signed AWS API request") because curl 7.88's own signer gets
// most shapes of requests wrong. The signature covers the method, the path, the query, the payload's hash and
// every header of the request except those that proxies may change on the way. All services but S3 want the path
// normalised and encoded once more; S3 takes the path as it is sent, and the payload's hash in a header.
// Invariants: the same request, keys and time give the same headers; secrets leave no copy behind.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "net/call/request.hpp"
#include "net/http/url.hpp"

namespace flowctl::net {

// What is signed. The url is the one that is sent; its host with the port is the Host header.
struct SignedRequest {
    std::string_view method;
    const Url& url;
    const std::vector<Header>& headers;  // those to be signed among them; no x-amz-date and such
    std::string_view body;
};

// The canonical request without the headers that signing adds itself: for tests and for sign_aws_request.
std::string aws_canonical_request(const SignedRequest& request, const std::vector<Header>& added,
                                  const AwsScope& scope, std::string* signed_headers);

// The headers to add: X-Amz-Date, X-Amz-Content-Sha256 for S3, X-Amz-Security-Token where there is one, and
// Authorization. The caller wipes them.
std::vector<Header> sign_aws_request(const SignedRequest& request, const AwsScope& scope, const AwsKeys& keys,
                                     std::chrono::system_clock::time_point now);

}  // namespace flowctl::net
