// What clouds answer, and what is signed for them: XML of AWS's query services, the answers of security token
// services, webhook key files, and canonical requests of any path, query and header.
//
// Nothing crashes or reads out of bounds, an answer gives a session or a trouble and never both, and a
// canonical request has exactly the lines that its headers give it, so that no byte of a request can forge
// another line.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/xml.hpp"
#include "net/proofs/call_auth.hpp"
#include "net/proofs/session.hpp"
#include "net/proofs/sigv4.hpp"

using namespace flowctl::net;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void answers(std::string_view text) {
    for (const int status : {200, 403}) {
        for (const bool aws : {true, false}) {
            SessionRequest request;
            if (aws)
                request.what = AwsRole{};
            else
                request.what = GcpAccount{};
            Answer answer;
            answer.status = status;
            answer.body = text;
            const SessionAnswer read = read_session_answer(request, "token-that-was-sent", answer, {});
            require(read.session.has_value() != read.trouble.has_value());
            if (status != 200) require(read.trouble.has_value());
        }
    }
}

void signs(std::string_view text) {
    const std::size_t half = text.size() / 2;
    const Url url{"https", "example.com", 443, "/" + std::string(text.substr(0, half)),
                  std::string(text.substr(half))};
    for (const char* service : {"s3", "sqs"}) {
        std::string names;
        const std::string canonical =
            aws_canonical_request({"GET", url, {}, text}, {}, {"r", service}, &names);
        require(std::count(canonical.begin(), canonical.end(), '\n') == 6);
        require(names == "host");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto document = flowctl::XmlText::parse(text);
    if (const auto* read = std::get_if<flowctl::XmlText>(&document)) read->find("Error/Code");
    answers(text);
    signs(text);
    read_webhook_keys(Secret(text));
    return 0;
}
