// Transfer: the options of a handle and the meaning of its result. See transfer.hpp; transfer_callbacks.cpp
// has the rest.
#include "net/http/transfer.hpp"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "base/wipe.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/header_rules.hpp"

namespace flowctl::net {
namespace {

constexpr int kMaxRedirects = 5;
constexpr long kCaCacheSeconds = 300;
// Curl has a buffer of this size for every request with a body over TLS; by default it takes 64 KiB.
constexpr long kUploadBuffer = 16384;
constexpr const char* kSystemCaFile = "/etc/ssl/certs/ca-certificates.crt";

long milliseconds(Seconds duration) noexcept {
    const double value = std::ceil(duration.count() * 1000.0);
    if (!(value > 1.0)) return 1;
    return value > 2147483647.0 ? 2147483647L : static_cast<long>(value);
}

// If curl does not know an option, the build is against the wrong library; if it cannot store one, memory has run
// out.
template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK)
        throw std::logic_error(std::string("curl_easy_setopt: ") + curl_easy_strerror(code));
}

Failure failure_of(CURLcode code) noexcept {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            return Failure::Resolve;
        case CURLE_COULDNT_CONNECT:
        case CURLE_PROXY:
            return Failure::Connect;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_USE_SSL_FAILED:
            return Failure::Tls;
        case CURLE_OPERATION_TIMEDOUT:
            return Failure::Timeout;
        default:
            return Failure::Protocol;
    }
}

// HTTP/2 where curl does it well. With 7.88.1 about one call in 2,000 under load ended in "Error in the HTTP2
// framing layer", and a connection broke after some 1,000 calls; HTTP/1.1 lost none of them and took no more
// time.
long http_version() noexcept {
    constexpr unsigned kSoundHttp2 = 0x080600;  // 8.6.0: after the rewrite of that layer
    const bool sound = curl_version_info(CURLVERSION_NOW)->version_num >= kSoundHttp2;
    return sound ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
}

bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

// Behind a proxy only the proxy sees the addresses of names: what can be judged here is an address in the
// url, and plain http is for listed addresses only.
std::variant<Url, std::string> check_exchange(const Exchange& exchange, const Egress& egress) {
    if (auto objection = objection_to_method(exchange.method)) return *std::move(objection);
    if (auto objection = objection_to_headers(exchange.headers)) return *std::move(objection);
    auto parsed = split_url(exchange.url);
    if (const auto* what = std::get_if<std::string>(&parsed)) return "the url " + *what;
    Url& url = std::get<Url>(parsed);
    const bool https = url.scheme == "https";
    if (const auto literal = Address::parse(url.host)) {
        if (auto objection = egress.policy.objection(*literal, https, exchange.egress_role))
            return url.host + ": " + *objection;
    } else if (!https && !egress.proxy.empty()) {
        return "plain http through a proxy is only for addresses in flowctl.egress_allow";
    } else if (!egress.policy.could_allow(https, exchange.egress_role)) {
        return "plain http is only for addresses in flowctl.egress_allow";
    }
    return std::move(url);
}

Transfer::Transfer(Exchange exchange, Dispatcher::Done done, const Egress& egress, ResolverLane& lane,
                   OpenSockets& sockets)
    : exchange_(std::move(exchange)),
      done_(std::move(done)),
      egress_(egress),
      lane_(lane),
      sockets_(sockets),
      begun_(std::chrono::steady_clock::now()) {
    answer_.id = exchange_.id;
}

Transfer::~Transfer() {
    resolved();
    if (easy_ != nullptr) curl_easy_cleanup(easy_);
    drop_headers();
    for (Header& header : exchange_.headers)
        wipe(header.second);
    wipe(exchange_.body);
}

void Transfer::prepare(Url url, CURL* easy) {
    url_ = std::move(url);
    easy_ = easy;
    by_proxy_ = !egress_.proxy.empty();
    set_options();
    set_headers();
    set_request();
}

// Curl forgets all options; what it knows of a TLS session or a name stays, as it does between transfers.
CURL* Transfer::release_easy() noexcept {
    if (easy_ != nullptr) curl_easy_reset(easy_);
    return std::exchange(easy_, nullptr);
}

// As curl keeps them apart: a proxy that tunnels has a connection for each host behind it.
std::string Transfer::host_name() const {
    return by_proxy_ && !https() ? egress_.proxy : url_.origin();
}

std::string Transfer::partition() const {
    std::string key;
    append_part(key, exchange_.egress_role);
    append_part(key, exchange_.partition);
    return key;
}

// A curl that was built without IPv6 knows no scopes; then each connection serves one exchange.
void Transfer::set_partition(std::uint32_t number) {
    static const bool knows_scopes =
        (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_IPV6) != 0;
    set(easy_, CURLOPT_ADDRESS_SCOPE, static_cast<long>(number));
    if (!knows_scopes) set(easy_, CURLOPT_FORBID_REUSE, 1L);
}

void Transfer::set_options() {
    set(easy_, CURLOPT_PRIVATE, static_cast<void*>(this));
    set(easy_, CURLOPT_NOSIGNAL, 1L);
    set(easy_, CURLOPT_QUICK_EXIT, 1L);
    set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy_, CURLOPT_PROXY, egress_.proxy.c_str());
    set(easy_, CURLOPT_NOPROXY, "");
    set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy_, CURLOPT_PATH_AS_IS, 1L);
    set(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(easy_, CURLOPT_HTTP_VERSION, http_version());
    set(easy_, CURLOPT_HTTP09_ALLOWED, 0L);
    set(easy_, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
    set(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(exchange_.connect_timeout));
    set(easy_, CURLOPT_USERAGENT, "pg_flowctl");
    set(easy_, CURLOPT_ERRORBUFFER, curl_message_);

    set(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
    if (https() || by_proxy_) set_trust();

    set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
    set(easy_, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    set(easy_, CURLOPT_CLOSESOCKETFUNCTION, &Transfer::on_close_socket);
    set(easy_, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&sockets_));
    set(easy_, CURLOPT_PREREQFUNCTION, &Transfer::on_connected);
    set(easy_, CURLOPT_PREREQDATA, static_cast<void*>(this));
    // begin_body turns it on for the answers that need it: curl would call it several times for each exchange.
    set(easy_, CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
    set(easy_, CURLOPT_XFERINFODATA, static_cast<void*>(this));
    set(easy_, CURLOPT_RESOLVER_START_FUNCTION, &Transfer::on_resolve);
    set(easy_, CURLOPT_RESOLVER_START_DATA, static_cast<void*>(this));
}

// Trust comes from one file: with a directory beside it, an endpoint's own CA would only be added to the
// system's, and curl would read all of them anew for every connection.
void Transfer::set_trust() {
    set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    struct stat system_file {};
    const std::string& ca_file = exchange_.ca_file;
    if (!ca_file.empty() || stat(kSystemCaFile, &system_file) == 0) {
        set(easy_, CURLOPT_CAPATH, static_cast<char*>(nullptr));
        set(easy_, CURLOPT_CAINFO, ca_file.empty() ? kSystemCaFile : ca_file.c_str());
        set(easy_, CURLOPT_CA_CACHE_TIMEOUT, kCaCacheSeconds);
    }
    if (exchange_.certificate) set_certificate(*exchange_.certificate);
}

// Curl reads both where they lie: they live as long as the exchange. An empty passphrase keeps OpenSSL from
// asking for one.
void Transfer::set_certificate(const ClientCertificate& certificate) {
    const auto set_blob = [this](CURLoption option, std::string_view pem) {
        curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
        set(easy_, option, &blob);
    };
    set_blob(CURLOPT_SSLCERT_BLOB, certificate.certificates());
    set_blob(CURLOPT_SSLKEY_BLOB, certificate.private_key());
    set(easy_, CURLOPT_SSLCERTTYPE, "PEM");
    set(easy_, CURLOPT_SSLKEYTYPE, "PEM");
    set(easy_, CURLOPT_KEYPASSWD, "");
}

// Method, url and body; again after a redirect.
void Transfer::set_request() {
    set(easy_, CURLOPT_URL, url_.text().c_str());
    set(easy_, CURLOPT_CUSTOMREQUEST, static_cast<char*>(nullptr));
    const std::string& method = redirected_to_get_ ? std::string("GET") : exchange_.method;
    if (method == "HEAD") {
        set(easy_, CURLOPT_NOBODY, 1L);
        return;
    }
    const bool expects_body = method == "POST" || method == "PUT" || method == "PATCH";
    if (redirected_to_get_ || (exchange_.body.empty() && !expects_body)) {
        set(easy_, CURLOPT_HTTPGET, 1L);
    } else {
        set(easy_, CURLOPT_POST, 1L);
        set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange_.body.size()));
        set(easy_, CURLOPT_POSTFIELDS, static_cast<const void*>(exchange_.body.data()));
    }
    set(easy_, CURLOPT_CUSTOMREQUEST, method.c_str());
}

void Transfer::add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers_ = longer;
}

void Transfer::drop_headers() noexcept {
    for (curl_slist* line = headers_; line != nullptr; line = line->next)
        OPENSSL_cleanse(line->data, std::char_traits<char>::length(line->data));
    curl_slist_free_all(headers_);
    headers_ = nullptr;
}

void Transfer::set_headers() {
    drop_headers();
    bool has_type = false;
    for (const auto& [name, value] : exchange_.headers) {
        if (redirected_to_get_ && same_name(name.substr(0, 8), "content-")) continue;
        has_type = has_type || same_name(name, "content-type");
        const std::string_view text = trim_line(value);
        std::string line = name;
        line += text.empty() ? ";" : ": ";  // curl's way to write a header without value
        line += text;
        add_header(line);
        wipe(line);
    }
    // What curl would add by itself.
    if (!has_type) add_header("Content-Type:");
    add_header("Expect:");
    set(easy_, CURLOPT_HTTPHEADER, headers_);
}

Transfer::Next Transfer::complete(CURLcode code) {
    resolved();
    const char* peer = nullptr;
    if (curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer != nullptr)
        answer_.address = peer;

    if ((reused_refused_ || link_local_) && !asked_fresh_) {
        asked_fresh_ = true;
        set(easy_, CURLOPT_FRESH_CONNECT, 1L);
        if (link_local_) {  // a connection without a partition, for this request alone
            set(easy_, CURLOPT_ADDRESS_SCOPE, 0L);
            set(easy_, CURLOPT_FORBID_REUSE, 1L);
        }
        reset_answer();
        return Next::SendAgain;
    }
    if (code != CURLE_OK)
        describe(code);
    else if (!headers_complete_)
        fail(Failure::Protocol, url_.host + ": the answer ends within its headers");
    else if (exchange_.follow_redirects && is_redirect(answer_.status) && follow_redirect())
        return Next::SendAgain;
    return Next::Done;
}

void Transfer::reset_answer() {
    answer_ = Answer();
    answer_.id = exchange_.id;
    header_bytes_ = 0;
    in_status_block_ = headers_complete_ = false;
    opened_sockets_.clear();
    fd_.reset();
    if (chunks_begin_) curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 1L);
    chunks_begin_.reset();
    tried_allowed_address_ = reused_refused_ = link_local_ = false;
    refusal_.clear();
    callback_failure_.reset();
    curl_message_[0] = '\0';
}

// Where the answer redirects to, if it may go there; else answer_ becomes the failure or stays as it is.
std::optional<Url> Transfer::redirect_target() {
    const std::string* location = answer_.header("location");
    if (location == nullptr) return std::nullopt;
    if (redirects_ == kMaxRedirects) {
        fail(Failure::Protocol, "more than " + std::to_string(kMaxRedirects) + " redirects");
        return std::nullopt;
    }
    auto target = resolve_reference(url_, *location);
    if (const auto* what = std::get_if<std::string>(&target)) {
        fail(Failure::Protocol, "the location of a redirect " + *what);
        return std::nullopt;
    }
    Url& url = std::get<Url>(target);
    if (!url.same_origin(url_)) {
        fail(Failure::Protocol, "the answer redirects elsewhere: to " + url.origin());
        return std::nullopt;
    }
    return std::move(url);
}

bool Transfer::follow_redirect() {
    auto target = redirect_target();
    if (!target) return false;
    const int status = answer_.status;
    const std::string& method = exchange_.method;
    if ((status == 303 && method != "HEAD") || ((status == 301 || status == 302) && method == "POST"))
        redirected_to_get_ = true;
    url_ = *std::move(target);
    ++redirects_;
    sends_since_redirect_ = 0;
    asked_fresh_ = false;
    set(easy_, CURLOPT_FRESH_CONNECT, 0L);
    reset_answer();
    set_headers();
    set_request();
    return true;
}

// Turns curl's result into a failure and a message.
void Transfer::describe(CURLcode code) {
    const std::string host = url_.host;
    if (callback_failure_ == Failure::Refused ||
        (code == CURLE_COULDNT_CONNECT && !tried_allowed_address_ && !refusal_.empty())) {
        fail(Failure::Refused, host + ": " + refusal_);
        return;
    }
    if (callback_failure_) {
        fail(*callback_failure_, answer_.message.empty() ? "out of memory" : answer_.message);
        return;
    }
    // Curl has a limit of its own for one header (100 KiB in 7.88) and calls it lack of memory.
    if (code == CURLE_OUT_OF_MEMORY && sends_ > 0 && !headers_complete_) {
        fail(Failure::TooLarge, "the answer's headers are too large");
        return;
    }
    std::string message = curl_message_[0] != '\0' ? curl_message_ : curl_easy_strerror(code);
    if (message.find(host) == message.npos) message = host + ": " + message;
    fail(failure_of(code), std::move(message));
}

void Transfer::fail(Failure failure, std::string message) {
    reset_answer();
    answer_.failure = failure;
    answer_.message = std::move(message);
}

Answer Transfer::take_answer() {
    answer_.duration = std::chrono::steady_clock::now() - begun_;
    const char* peer = nullptr;
    if (easy_ != nullptr && curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK &&
        peer != nullptr)
        answer_.address = peer;
    answer_.sends = sends_;
    answer_.request_bytes = exchange_.body.size();
    if (exchange_.return_body) answer_.request_body = std::move(exchange_.body);
    return std::move(answer_);
}

}  // namespace flowctl::net
