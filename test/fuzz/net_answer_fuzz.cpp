// What issuers and endpoints answer: token answers, discovery documents, JSON, urls and redirects, error
// texts.
//
// The first byte chooses. What is checked beside "nothing breaks": an endpoint that a document names is https
// and a url is the same again when it is read back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/crypto/json_reader.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/url.hpp"
#include "net/tokens/discovery.hpp"
#include "net/tokens/issuer_trouble.hpp"
#include "net/tokens/token_endpoint.hpp"

using namespace flowctl::net;

namespace {

void read_token(std::string_view text, std::uint8_t how) {
    Credential credential;
    credential.issuer.url = "https://idp.example";
    credential.scope = "a b";
    credential.dpop = (how & 1) != 0;
    credential.grant = (how & 2) != 0 ? GrantType::TokenExchange : GrantType::ClientCredentials;
    Answer answer;
    answer.status = (how & 4) != 0 ? 400 : 200;
    answer.body = text;
    const TokenAnswer read = read_token_answer(credential, answer, "thumbprint");
    if (!read.token && !read.trouble) std::abort();
    if (read.trouble)
        for (const char c : read.trouble->message)
            if (c < ' ' || c > '~') std::abort();
}

void read_document(std::string_view text) {
    Issuer issuer;
    issuer.url = "https://idp.example";
    std::vector<std::string> urls;
    const auto read = read_discovery(issuer, text);
    if (const auto* endpoints = std::get_if<Endpoints>(&read))
        urls = {endpoints->token, endpoints->revocation, endpoints->token_mtls, endpoints->revocation_mtls};
    const auto key_set = read_key_set_url(issuer, text);
    if (key_set.index() == 0) urls.push_back(std::get<0>(key_set));
    for (const std::string& url : urls)
        if (!url.empty() && !url.starts_with("https://") && !url.starts_with("HTTPS://")) {
            const auto parsed = split_url(url);
            if (parsed.index() != 0 || std::get<Url>(parsed).scheme != "https") std::abort();
        }
}

void read_url(std::string_view text) {
    const auto parsed = split_url(text);
    if (const auto* url = std::get_if<Url>(&parsed)) {
        const auto again = split_url(url->text());
        if (again.index() != 0 || std::get<Url>(again).text() != url->text()) std::abort();
    }
    const Url base = std::get<Url>(split_url("https://api.example/base/"));
    const auto joined = join_path(base, text);
    if (const auto* url = std::get_if<Url>(&joined); url != nullptr && !lies_under(base, *url)) std::abort();
    (void)resolve_reference(base, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
    switch (data[0] % 4) {
        case 0:
            read_token(text, data[1]);
            break;
        case 1:
            read_document(text);
            break;
        case 2:
            read_url(text);
            break;
        default:
            (void)JsonObject::parse(text);
            (void)quote_foreign(text, {"secret"}, 100);
    }
    return 0;
}
