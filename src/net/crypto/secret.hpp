// Secrets in memory and the files they come from.
//
// A Secret cannot be copied by accident, printed or compared in variable time, and its bytes are wiped when
// it goes (OPENSSL_cleanse). A secret file is a plain name inside one directory; it is opened without
// following links and must pass the checks that PostgreSQL makes of ssl_key_file: a regular file, owned by
// the server's user or by root, without access for others (0600, or 0640 when root owns it). Tokens that a
// platform puts there for us have rules of their own. An error names the file and never its content.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace flowctl::net {

class Secret {
  public:
    Secret() noexcept = default;
    explicit Secret(std::string_view bytes);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    Secret clone() const;
    std::string_view reveal() const noexcept { return {data_.get(), size_}; }  // never store what it returns
    bool empty() const noexcept { return size_ == 0; }

  private:
    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
};

// Either the content, one trailing newline removed, or a message that says what is wrong with the file.
std::variant<Secret, std::string> read_secret_file(const std::string& directory, std::string_view name);

// The content of a workload token file, or what is wrong with it. The file must be a regular one of the
// server's user or root that nobody else may write to; who may read it is the platform's business.
std::variant<Secret, std::string> read_token_file(const std::string& directory, std::string_view name);

// True for a plain file name: not empty, no '/', not "." or "..", no control characters, at most 255 bytes.
bool is_plain_file_name(std::string_view name) noexcept;

// The names in a list that is separated by commas, as settings hold it. Blanks around a name are not part of it.
std::vector<std::string> file_names(std::string_view list);

// What is wrong with such a list, as a sentence; null if every name is a plain file name and there are not too many.
const char* objection_to_file_names(std::string_view list) noexcept;

}  // namespace flowctl::net
