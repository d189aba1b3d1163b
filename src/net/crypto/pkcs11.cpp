// Implementation of pkcs11.hpp. The types are those of the standard (PKCS#11 v2.40), as far as they are used.
#include "net/crypto/pkcs11.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose_algorithm.hpp"
#include "net/crypto/signal_block.hpp"

namespace flowctl::net {
namespace {

using Ulong = unsigned long;
using Code = Ulong;

constexpr Code kOk = 0;
constexpr Ulong kSerialSession = 4;
constexpr Ulong kUser = 1;
constexpr Ulong kClassAttribute = 0;
constexpr Ulong kLabelAttribute = 3;
constexpr Ulong kIdAttribute = 0x102;
constexpr Ulong kPrivateKey = 3;
constexpr Ulong kRsaPkcs = 1;
constexpr Ulong kEcdsa = 0x1041;
constexpr std::size_t kMaxSlots = 256;
constexpr std::size_t kMaxSignatureBytes = 1024;
constexpr std::chrono::seconds kLeaveAlone{5};

struct Attribute {
    Ulong type;
    void* value;
    Ulong size;
};
struct Mechanism {
    Ulong type;
    void* parameter;
    Ulong size;
};
struct TokenFacts {
    std::array<char, 32> label;
    std::array<char, 32> manufacturer;
    std::array<char, 16> model;
    std::array<char, 16> serial;
    std::array<Ulong, 11> numbers;
    std::array<unsigned char, 4> versions;
    std::array<char, 16> time;
};

// CK_FUNCTION_LIST; what is not called is only as wide as it must be.
struct Functions {
    unsigned char version[2];
    Code (*initialize)(void*);
    Code (*finalize)(void*);
    void* unused_get_info_and_get_function_list[2];
    Code (*get_slots)(unsigned char, Ulong*, Ulong*);
    void* unused_get_slot_info;
    Code (*get_token)(Ulong, TokenFacts*);
    void* unused_get_mechanism_list_to_set_pin[5];
    Code (*open_session)(Ulong, Ulong, void*, void*, Ulong*);
    Code (*close_session)(Ulong);
    void* unused_close_all_to_set_operation_state[4];
    Code (*login)(Ulong, Ulong, const char*, Ulong);
    void* unused_logout_to_set_attribute_value[7];
    Code (*find_begin)(Ulong, const Attribute*, Ulong);
    Code (*find)(Ulong, Ulong*, Ulong, Ulong*);
    Code (*find_end)(Ulong);
    void* unused_encrypt_init_to_digest_final[13];
    Code (*sign_begin)(Ulong, const Mechanism*, Ulong);
    Code (*sign)(Ulong, const char*, Ulong, char*, Ulong*);
};

std::string name_of(Code code) {
    switch (code) {
        case 0x05:
            return "CKR_GENERAL_ERROR";
        case 0x06:
            return "CKR_FUNCTION_FAILED";
        case 0x30:
            return "CKR_DEVICE_ERROR";
        case 0x32:
            return "CKR_DEVICE_REMOVED";
        case 0x63:
            return "CKR_KEY_TYPE_INCONSISTENT";
        case 0x68:
            return "CKR_KEY_FUNCTION_NOT_PERMITTED";
        case 0x70:
            return "CKR_MECHANISM_INVALID";
        case 0xa0:
            return "CKR_PIN_INCORRECT";
        case 0xa3:
            return "CKR_PIN_EXPIRED";
        case 0xa4:
            return "CKR_PIN_LOCKED";
        case 0xb0:
            return "CKR_SESSION_CLOSED";
        case 0xb3:
            return "CKR_SESSION_HANDLE_INVALID";
        case 0xe0:
            return "CKR_TOKEN_NOT_PRESENT";
        case 0x101:
            return "CKR_USER_NOT_LOGGED_IN";
        default:
            return "0x" + hex_encode(std::string{static_cast<char>(code >> 24), static_cast<char>(code >> 16),
                                                 static_cast<char>(code >> 8), static_cast<char>(code)});
    }
}

constexpr Code kPinIncorrect = 0xa0;
constexpr Code kPinLocked = 0xa4;
constexpr Code kAlreadyLoggedIn = 0x100;
constexpr Code kAlreadyInitialized = 0x191;

// A text field of fixed width, filled up with blanks.
template <std::size_t Size>
bool says(const std::array<char, Size>& field, std::string_view text) {
    std::string_view found(field.data(), field.size());
    while (!found.empty() && (found.back() == ' ' || found.back() == '\0'))
        found.remove_suffix(1);
    return found == text;
}

// A module, loaded once. What was opened before its last start is gone.
struct Module {
    const Functions* functions = nullptr;
    std::uint64_t starts = 1;
};
using Loaded = std::variant<Module*, std::string>;  // or why it cannot be loaded

// Never destroyed: keys that live to the end of the process look at them.
std::map<std::string, Module>& modules() {
    static auto& loaded = *new std::map<std::string, Module>();
    return loaded;
}

// At exit, before what the modules and OpenSSL have registered for it. No module is called after this.
void end_modules() noexcept {
    const SignalBlock block;
    for (auto& [path, module] : modules()) {
        (void)module.functions->finalize(nullptr);
        module.starts++;
    }
}

Loaded load(const std::string& path) {
    if (path.empty())
        return std::string("its key is in a PKCS#11 token, and flowctl.pkcs11_module is not set");
    const auto known = modules().find(path);
    if (known != modules().end()) return &known->second;
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return "the PKCS#11 module cannot be loaded: " + std::string(dlerror());
    using GetFunctions = Code (*)(const Functions**);
    const auto get = reinterpret_cast<GetFunctions>(dlsym(library, "C_GetFunctionList"));
    const Functions* functions = nullptr;
    if (get == nullptr || get(&functions) != kOk || functions == nullptr || functions->version[0] < 2) {
        dlclose(library);
        return std::string("flowctl.pkcs11_module is no PKCS#11 module");
    }
    if (const Code code = functions->initialize(nullptr); code != kOk && code != kAlreadyInitialized) {
        dlclose(library);
        return "the PKCS#11 module does not start: " + name_of(code);
    }
    if (modules().empty() && std::atexit(end_modules) != 0) throw std::bad_alloc();
    Module& module = modules()[path];
    module.functions = functions;
    return &module;
}

// DER of DigestInfo in front of the digest (RFC 8017 §9.2), as CKM_RSA_PKCS wants it.
std::string digest_info(std::string_view digest) {
    std::string info("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
    info += digest;
    return info;
}

class Pkcs11Key : public RemoteKey {
  public:
    Pkcs11Key(Pkcs11Place place, Pkcs11Uri uri) : place_(std::move(place)), uri_(std::move(uri)) {}
    ~Pkcs11Key() override {
        const SignalBlock block;
        close();
    }
    Pkcs11Key(const Pkcs11Key&) = delete;
    Pkcs11Key& operator=(const Pkcs11Key&) = delete;

    std::optional<std::string> sign(const JoseAlgorithm& algorithm, std::string_view digest) override {
        if (std::chrono::steady_clock::now() < not_before_) return std::nullopt;
        const SignalBlock block;
        const bool had_session = session_.has_value();
        auto signature = try_to_sign(algorithm, digest);
        if (!signature && had_session) {  // it may be the session that is lost
            close();
            signature = try_to_sign(algorithm, digest);
        }
        if (signature) {
            trouble_.clear();
        } else {
            close();
            not_before_ = std::chrono::steady_clock::now() + kLeaveAlone;
        }
        return signature;
    }
    const std::string& trouble() const override { return trouble_; }

  private:
    std::optional<std::string> try_to_sign(const JoseAlgorithm& algorithm, std::string_view digest) {
        if (session_ && start_ != module_->starts) session_.reset();
        if (!session_ && !open()) return std::nullopt;
        const bool rsa = algorithm.family == JoseFamily::Rsa;
        const Mechanism mechanism{rsa ? kRsaPkcs : kEcdsa, nullptr, 0};
        const std::string input = rsa ? digest_info(digest) : std::string(digest);
        std::string signature(kMaxSignatureBytes, '\0');
        Ulong size = signature.size();
        Code code = functions().sign_begin(*session_, &mechanism, key_);
        if (code == kOk)
            code = functions().sign(*session_, input.data(), input.size(), signature.data(), &size);
        if (code != kOk || size > signature.size()) {
            fail("the PKCS#11 token does not sign: " + name_of(code));
            return std::nullopt;
        }
        signature.resize(size);
        return signature;
    }

    bool open() {
        Loaded loaded = load(place_.module);
        if (auto* why = std::get_if<std::string>(&loaded)) return fail(std::move(*why));
        module_ = std::get<Module*>(loaded);
        if (suspect_ && !restart()) return false;
        suspect_ = true;  // until a session is there
        const auto slot = find_slot();
        if (!slot) return false;
        Ulong session = 0;
        if (const Code code = functions().open_session(*slot, kSerialSession, nullptr, nullptr, &session);
            code != kOk)
            return fail("the PKCS#11 token opens no session: " + name_of(code));
        suspect_ = false;
        start_ = module_->starts;
        session_ = session;
        if (log_in() && find_key()) return true;
        close();
        return false;
    }

    void close() {
        if (session_ && start_ == module_->starts) functions().close_session(*session_);
        session_.reset();
    }

    // Modules may not see a token that has come back until they are started again.
    bool restart() {
        (void)functions().finalize(nullptr);
        module_->starts++;
        if (const Code code = functions().initialize(nullptr); code != kOk && code != kAlreadyInitialized)
            return fail("the PKCS#11 module does not start again: " + name_of(code));
        return true;
    }

    const Functions& functions() const { return *module_->functions; }

    std::optional<Ulong> find_slot() {
        std::vector<Ulong> slots(kMaxSlots);
        Ulong count = slots.size();
        if (const Code code = functions().get_slots(1, slots.data(), &count); code != kOk) {
            fail("the PKCS#11 module lists no tokens: " + name_of(code));
            return std::nullopt;
        }
        slots.resize(std::min<std::size_t>(count, slots.size()));
        for (const Ulong slot : slots) {
            TokenFacts token{};
            if (functions().get_token(slot, &token) == kOk &&
                (uri_.token.empty() || says(token.label, uri_.token)) &&
                (uri_.serial.empty() || says(token.serial, uri_.serial)))
                return slot;
        }
        fail("the PKCS#11 module has no token \"" + (uri_.token.empty() ? uri_.serial : uri_.token) +
             "\"; is the device there, and may the server's user use it?");
        return std::nullopt;
    }

    bool log_in() {
        static std::set<std::string> refused;  // digests
        const auto pin = read_secret_file(place_.secrets_dir, uri_.pin_file);
        if (const auto* why = std::get_if<std::string>(&pin)) return fail(*why);
        const std::string_view text = std::get<Secret>(pin).reveal();
        std::string attempt = place_.module + '\n' + uri_.token + '\n' + uri_.serial + '\n';
        attempt.reserve(attempt.size() + text.size());
        attempt += text;
        const std::string digest = sha256(attempt);
        wipe(attempt);
        const std::string again = "the PKCS#11 token refuses the PIN in \"" + uri_.pin_file +
                                  "\"; it is not tried again until the file holds another one";
        if (refused.contains(digest)) return fail(again);
        const Code code = functions().login(*session_, kUser, text.data(), text.size());
        if (code == kOk || code == kAlreadyLoggedIn) return true;
        if (code == kPinIncorrect || code == kPinLocked) refused.insert(digest);
        if (code == kPinIncorrect) return fail(again);
        return fail("the PKCS#11 token lets nobody log in: " + name_of(code));
    }

    bool find_key() {
        Ulong kind = kPrivateKey;
        std::vector<Attribute> wanted{{kClassAttribute, &kind, sizeof kind}};
        if (!uri_.object.empty()) wanted.push_back({kLabelAttribute, uri_.object.data(), uri_.object.size()});
        if (!uri_.id.empty()) wanted.push_back({kIdAttribute, uri_.id.data(), uri_.id.size()});
        std::array<Ulong, 2> found{};
        Ulong count = 0;
        Code code = functions().find_begin(*session_, wanted.data(), wanted.size());
        if (code == kOk) {
            code = functions().find(*session_, found.data(), found.size(), &count);
            (void)functions().find_end(*session_);
        }
        if (code != kOk) return fail("the PKCS#11 token lists no keys: " + name_of(code));
        if (count != 1)
            return fail(count == 0 ? "the PKCS#11 token has no private key of this name"
                                   : "the PKCS#11 token has several private keys of this name");
        key_ = found[0];
        return true;
    }

    bool fail(std::string why) {
        trouble_ = std::move(why);
        return false;
    }

    const Pkcs11Place place_;
    Pkcs11Uri uri_;
    Module* module_ = nullptr;
    bool suspect_ = false;     // the last try to open a session failed, or the open one was lost
    std::uint64_t start_ = 0;  // of the module, to which the session belongs
    std::optional<Ulong> session_;
    Ulong key_ = 0;
    std::string trouble_;
    std::chrono::steady_clock::time_point not_before_{};
};

}  // namespace

std::shared_ptr<RemoteKey> pkcs11_key(const Pkcs11Place& place, Pkcs11Uri uri) {
    return std::make_shared<Pkcs11Key>(place, std::move(uri));
}

}  // namespace flowctl::net
