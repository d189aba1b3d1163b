// CSV, as RFC 4180 and AWS Step Functions define it; see items.hpp.
//
// A row becomes an object of strings, named by the headers. A field may stand in double quotes; in them
// delimiters and line ends are text, and a quote is written twice. A backslash makes the following quote,
// delimiter or backslash text, and before any other character it is dropped. In a row with too few fields the
// missing ones are empty strings; fields beyond the headers are dropped. Empty lines are not rows.
#include <set>

#include "core/items/items.hpp"

namespace flowctl::items {

namespace {

constexpr std::size_t kMostHeaders = 1'600;  // a table cannot have more columns either

class CsvParser final : public Parser {
  public:
    CsvParser(const asl::ReaderConfig& config, const Limits& limits)
        : limits_(limits), delimiter_(config.csv_delimiter) {
        if (config.csv_headers) headers_ = *config.csv_headers;
    }

  private:
    enum class State {
        FieldStart,   // nothing of the field has been read
        Plain,        // within a field without quotes
        Quoted,       // within quotes
        AfterQuote,   // after a quote within quotes: the end of the field, or the first of two
        PlainEscape,  // after a backslash
        QuotedEscape,
    };

    bool take(std::string_view bytes, std::vector<Item>& out) override {
        for (const char c : bytes) {
            if (row_bytes_ >= limits_.max_item_bytes && !may_end_row(c))
                return fail("row " + std::to_string(row_) + " is longer than " +
                            std::to_string(limits_.max_item_bytes) + " bytes");
            ++row_bytes_;
            if (!step(c, out)) return false;
        }
        return true;
    }

    // Whether the character may end a row that is as long as a row can be. A line end does not belong to the
    // row.
    bool may_end_row(char c) const {
        if (state_ == State::Quoted || state_ == State::QuotedEscape) return false;
        return c == '\n' || (c == '\r' && row_bytes_ == limits_.max_item_bytes);
    }

    bool end(std::vector<Item>& out) override {
        if (state_ == State::Quoted || state_ == State::QuotedEscape)
            return fail("row " + std::to_string(row_) + " ends within quotes");
        const bool empty = state_ == State::FieldStart && !any_field_;
        if (!empty && !end_row(out)) return false;
        if (!headers_) return fail("there is no row of headers");
        return true;
    }

    bool step(char c, std::vector<Item>& out) {
        switch (state_) {
            case State::FieldStart:
                if (c == '"') {
                    state_ = State::Quoted;
                    was_quoted_ = true;
                    return true;
                }
                state_ = State::Plain;
                [[fallthrough]];
            case State::Plain:
                return plain(c, out);
            case State::Quoted:
                if (c == '"') {
                    state_ = State::AfterQuote;
                } else if (c == '\\') {
                    state_ = State::QuotedEscape;
                } else {
                    add(c, false);
                }
                return true;
            case State::AfterQuote:
                if (c == '"') {
                    add(c, false);
                    state_ = State::Quoted;
                    return true;
                }
                state_ = State::Plain;
                return plain(c, out);
            case State::PlainEscape:
            case State::QuotedEscape:
                state_ = state_ == State::QuotedEscape ? State::Quoted : State::Plain;
                if (c != '\\' && c != '"' && c != delimiter_) return step(c, out);
                add(c, false);
                return true;
        }
        return true;
    }

    bool plain(char c, std::vector<Item>& out) {
        if (c == '\n') return end_row(out);
        if (c == delimiter_) {
            end_field();
        } else if (c == '\\') {
            state_ = State::PlainEscape;
        } else {
            add(c, c == '\r');
        }
        return true;
    }

    void add(char c, bool may_end_line) {
        field_ += c;
        ends_line_ = may_end_line;
    }

    void end_field() {
        ends_line_ = false;
        if (!headers_ || fields_.size() < headers_->size()) fields_.push_back(std::move(field_));
        field_.clear();
        any_field_ = true;
        was_quoted_ = false;
        state_ = State::FieldStart;
    }

    bool end_row(std::vector<Item>& out) {
        if (!field_.empty() && ends_line_) field_.pop_back();
        const bool empty = !any_field_ && field_.empty() && !was_quoted_;
        end_field();
        any_field_ = false;
        row_bytes_ = 0;
        bool well = true;
        if (!empty) well = headers_ ? add_item(out) : take_headers();
        fields_.clear();
        ++row_;
        return well;
    }

    bool take_headers() {
        std::set<std::string_view> seen;
        if (fields_.size() > kMostHeaders)
            return fail("the row of headers has more than " + std::to_string(kMostHeaders) + " fields");
        for (const std::string& name : fields_) {
            if (!json::is_storable(name)) return fail("the row of headers is not UTF-8 text");
            if (!seen.insert(name).second) return fail("the header '" + name + "' appears twice");
        }
        headers_ = fields_;
        return true;
    }

    bool add_item(std::vector<Item>& out) {
        std::vector<json::Member> members;
        members.reserve(headers_->size());
        for (std::size_t i = 0; i < headers_->size(); ++i) {
            const std::string_view field = i < fields_.size() ? std::string_view(fields_[i]) : "";
            if (!json::is_storable(field)) return fail("row " + std::to_string(row_) + " is not UTF-8 text");
            members.push_back({(*headers_)[i], json::Value::string(field)});
        }
        out.push_back({json::Value::object(std::move(members)), std::nullopt, std::nullopt});
        return true;
    }

    const Limits limits_;
    const char delimiter_;
    std::optional<std::vector<std::string>> headers_;
    State state_ = State::FieldStart;
    std::string field_;
    bool ends_line_ = false;  // the last character was a CR, which is not text if an LF follows
    bool was_quoted_ = false;
    bool any_field_ = false;  // whether the current row has a field yet
    std::vector<std::string> fields_;
    std::size_t row_bytes_ = 0;
    std::size_t row_ = 1;
};

}  // namespace

std::unique_ptr<Parser> make_csv_parser(const asl::ReaderConfig& config, const Limits& limits) {
    return std::make_unique<CsvParser>(config, limits);
}

}  // namespace flowctl::items
