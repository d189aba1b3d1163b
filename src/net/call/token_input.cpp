// Implementation of token_input.hpp. crypto/secret reads the files.
#include "net/call/token_input.hpp"

#include <utility>

#include "base/ascii.hpp"
#include "net/crypto/crypto.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxTokenBytes = 16 * 1024;

}  // namespace

TokenInput TokenInput::held(std::shared_ptr<const Secret> token) {
    TokenInput input;
    input.identity_ = "held:" + sha256(token->reveal());
    input.maker_ = [token = std::move(token)](const TokenUse&) -> TokenInputResult { return token->clone(); };
    return input;
}

TokenInput TokenInput::file(std::string directory, std::string name) {
    TokenInput input;
    input.identity_ = "file:" + directory + '/' + name;
    input.maker_ = [directory = std::move(directory), name = std::move(name)](const TokenUse&) {
        auto read = read_token_file(directory, name);
        if (auto* fault = std::get_if<std::string>(&read)) return TokenInputResult(TokenInputFault{*fault});
        return TokenInputResult(std::get<Secret>(std::move(read)));
    };
    return input;
}

TokenInput TokenInput::made(std::string identity, TokenMaker maker) {
    TokenInput input;
    input.identity_ = "made:" + std::move(identity);
    input.maker_ = std::move(maker);
    return input;
}

TokenInputResult TokenInput::get(const TokenUse& use) const {
    if (!maker_) return TokenInputFault{"there is no token"};
    TokenInputResult result = maker_(use);
    const Secret* token = std::get_if<Secret>(&result);
    if (token == nullptr) return result;
    if (token->empty()) return TokenInputFault{"the token is empty"};
    if (token->reveal().size() > kMaxTokenBytes) return TokenInputFault{"the token is longer than 16 kB"};
    if (!is_visible_ascii(token->reveal()))
        return TokenInputFault{"the token holds characters that no token has"};
    return result;
}

}  // namespace flowctl::net
