// Reading files that options name. See files.hpp.
#include <unistd.h>

#include <map>
#include <variant>

#include "pg/endpoints/files.hpp"
#include "net/crypto/crypto.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;
using Certificate = std::shared_ptr<const net::ClientCertificate>;

Err<Failure> unusable(std::string cause) {
    return Err{Failure{kEndpointConfiguration, std::move(cause)}};
}

}  // namespace

std::string secrets_dir() {
    return guc::secrets_dir == nullptr ? std::string() : std::string(guc::secrets_dir);
}

EndpointFailure no_secrets_dir(std::string_view option_name) {
    return {kEndpointConfiguration,
            "option " + in_quotes(option_name) + " names a file, but flowctl.secrets_dir is not set"};
}

Result<net::Secret, Failure> secret_file(std::string_view option_name, const std::string& file) {
    if (secrets_dir().empty()) return Err{no_secrets_dir(option_name)};
    auto content = net::read_secret_file(secrets_dir(), file);
    if (auto* wrong = std::get_if<std::string>(&content))
        return unusable(std::string(option_name) + ": " + *wrong);
    return std::get<net::Secret>(std::move(content));
}

Result<net::TokenInput, Failure> token_file(std::string_view option_name, const std::string& file) {
    if (secrets_dir().empty()) return Err{no_secrets_dir(option_name)};
    return net::TokenInput::file(secrets_dir(), file);
}

// Taking a certificate and its key apart costs more than the rest of a call, so the last ones are kept, by the
// content of their files: a file that changes is another certificate at once.
Result<Certificate, Failure> certificate_of(const std::string& certificate_file,
                                            const std::string& certificate_key_file) {
    constexpr std::size_t kMaxKept = 64;
    static std::map<std::string, Certificate> kept;
    auto chain = secret_file("certificate_file", certificate_file);
    if (!chain) return Err{std::move(chain).error()};
    auto key = secret_file("certificate_key_file", certificate_key_file);
    if (!key) return Err{std::move(key).error()};
    const std::string hash = net::sha256(chain->reveal()) + net::sha256(key->reveal());
    if (const auto found = kept.find(hash); found != kept.end()) return found->second;
    auto made = net::ClientCertificate::from_pem(chain->reveal(), key->reveal());
    if (const auto* wrong = std::get_if<std::string>(&made))
        return unusable("certificate_file and certificate_key_file: " + *wrong);
    if (kept.size() >= kMaxKept) kept.clear();
    return kept[hash] = std::get<Certificate>(made);
}

Result<std::string, Failure> ca_path(const std::string& server, const std::string& file) {
    if (file.empty()) return std::string();
    if (secrets_dir().empty()) return Err{no_secrets_dir("ca_file")};
    if (!net::is_plain_file_name(file))
        return unusable("ca_file of foreign server " + in_quotes(server) + " is not a plain file name");
    std::string path = secrets_dir() + "/" + file;
    if (access(path.c_str(), R_OK) != 0)
        return unusable("file " + in_quotes(file) +
                        " in flowctl.secrets_dir, the ca_file of foreign server " + in_quotes(server) +
                        ", cannot be read");
    return path;
}

}  // namespace flowctl::pg
