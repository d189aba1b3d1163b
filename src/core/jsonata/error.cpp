// The error codes of the reference implementation and their sentences.
#include "core/jsonata/error.hpp"

#include <algorithm>
#include <iterator>

#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

struct Sentence {
    std::string_view code;
    std::string_view text;
};

// A sentence names fields of the error in braces: two braces show the field as JSON, and three as it is.
// Sorted by code.
constexpr Sentence kSentences[] = {
    {"D1001", "Number out of range: {{value}}"},
    {"D1002", "Cannot negate a non-numeric value: {{value}}"},
    {"D1004", "Regular expression matches zero length string"},
    {"D1009", "Multiple key definitions evaluate to same key: {{value}}"},
    {"D2014",
     "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to "
     "allocate "
     "{{value}}."},
    {"D3001", "Attempting to invoke string function on Infinity or NaN"},
    {"D3010", "Second argument of replace function cannot be an empty string"},
    {"D3011", "Fourth argument of replace function must evaluate to a positive number"},
    {"D3012", "Attempted to replace a matched string with a non-string value"},
    {"D3020", "Third argument of split function must evaluate to a positive number"},
    {"D3030", "Unable to cast value to a number: {{value}}"},
    {"D3040", "Third argument of match function must evaluate to a positive number"},
    {"D3050", "The second argument of reduce function must be a function with at least two arguments"},
    {"D3060", "The sqrt function cannot be applied to a negative number: {{value}}"},
    {"D3061",
     "The power function has resulted in a value that cannot be represented as a JSON number: "
     "base={{value}}, "
     "exponent={{value2}}"},
    {"D3070",
     "The single argument form of the sort function can only be applied to an array of strings or an array "
     "of "
     "numbers.  Use the second argument to specify a comparison function"},
    {"D3080", "The picture string must only contain a maximum of two sub-pictures"},
    {"D3081", "The sub-picture must not contain more than one instance of the 'decimal-separator' character"},
    {"D3082", "The sub-picture must not contain more than one instance of the 'percent' character"},
    {"D3083", "The sub-picture must not contain more than one instance of the 'per-mille' character"},
    {"D3084", "The sub-picture must not contain both a 'percent' and a 'per-mille' character"},
    {"D3085",
     "The mantissa part of a sub-picture must contain at least one character that is either an 'optional "
     "digit "
     "character' or a member of the 'decimal digit family'"},
    {"D3086",
     "The sub-picture must not contain a passive character that is preceded by an active character and that "
     "is "
     "followed by another active character"},
    {"D3087",
     "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a "
     "'decimal-separator' character"},
    {"D3088", "The sub-picture must not contain a 'grouping-separator' at the end of the integer part"},
    {"D3089",
     "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character"},
    {"D3090",
     "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is "
     "followed by an instance of the 'optional digit character'"},
    {"D3091",
     "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' "
     "that "
     "is followed by a member of the 'decimal digit family'"},
    {"D3092",
     "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated "
     "as "
     "an 'exponent-separator'"},
    {"D3093",
     "The exponent part of the sub-picture must comprise only of one or more characters that are members of "
     "the "
     "'decimal digit family'"},
    {"D3100", "The radix of the formatBase function must be between 2 and 36.  It was given {{value}}"},
    {"D3110",
     "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {{value}}"},
    {"D3120", "Syntax error in expression passed to function eval: {{value}}"},
    {"D3121", "Dynamic error evaluating the expression passed to function eval: {{value}}"},
    {"D3130",
     "Formatting or parsing an integer as a sequence starting with {{value}} is not supported by this "
     "implementation"},
    {"D3131", "In a decimal digit pattern, all digits must be from the same decimal group"},
    {"D3132", "Unknown component specifier {{value}} in date/time picture string"},
    {"D3133",
     "The 'name' modifier can only be applied to months and days in the date/time picture string, not "
     "{{value}}"},
    {"D3134", "The timezone integer format specifier cannot have more than four digits"},
    {"D3135", "No matching closing bracket ']' in date/time picture string"},
    {"D3136", "The date/time picture string is missing specifiers required to parse the timestamp"},
    {"D3138", "The $single() function expected exactly 1 matching result.  Instead it matched more."},
    {"D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0."},
    {"D3140", "Malformed URL passed to ${{{value2}}}(): {{value}}"},
    {"S0101", "String literal must be terminated by a matching quote"},
    {"S0102", "Number out of range: {{token}}"},
    {"S0103", "Unsupported escape sequence: \\{{token}}"},
    {"S0104", "The escape sequence \\u must be followed by 4 hex digits"},
    {"S0105", "Quoted property name must be terminated with a backquote (`)"},
    {"S0106", "Comment has no closing tag"},
    {"S0201", "Syntax error: {{token}}"},
    {"S0202", "Expected {{value}}, got {{token}}"},
    {"S0203", "Expected {{value}} before end of expression"},
    {"S0204", "Unknown operator: {{token}}"},
    {"S0207", "Unexpected end of expression"},
    {"S0208", "Parameter {{value}} of function definition must be a variable name (start with $)"},
    {"S0209", "A predicate cannot follow a grouping expression in a step"},
    {"S0210", "Each step can only have one grouping expression"},
    {"S0211", "The symbol {{token}} cannot be used as a unary operator"},
    {"S0212", "The left side of := must be a variable name (start with $)"},
    {"S0213", "The literal value {{value}} cannot be used as a step within a path expression"},
    {"S0214", "The right side of {{token}} must be a variable name (start with $)"},
    {"S0215", "A context variable binding must precede any predicates on a step"},
    {"S0216", "A context variable binding must precede the 'order-by' clause on a step"},
    {"S0217", "The object representing the 'parent' cannot be derived from this expression"},
    {"S0301", "Empty regular expressions are not allowed"},
    {"S0302", "No terminating / in regular expression"},
    {"S0401", "Type parameters can only be applied to functions and arrays"},
    {"S0402", "Choice groups containing parameterized types are not supported"},
    {"T0410", "Argument {{index}} of function {{token}} does not match function signature"},
    {"T0411", "Context value is not a compatible type with argument {{index}} of function {{token}}"},
    {"T0412", "Argument {{index}} of function {{token}} must be an array of {{value2}}"},
    {"T1003", "Key in object structure must evaluate to a string; got: {{value}}"},
    {"T1005", "Attempted to invoke a non-function. Did you mean ${{{token}}}?"},
    {"T1006", "Attempted to invoke a non-function"},
    {"T1007", "Attempted to partially apply a non-function. Did you mean ${{{token}}}?"},
    {"T1008", "Attempted to partially apply a non-function"},
    {"T1010",
     "The matcher function argument passed to function {{token}} does not return the correct object "
     "structure"},
    {"T2001", "The left side of the {{token}} operator must evaluate to a number"},
    {"T2002", "The right side of the {{token}} operator must evaluate to a number"},
    {"T2003", "The left side of the range operator (..) must evaluate to an integer"},
    {"T2004", "The right side of the range operator (..) must evaluate to an integer"},
    {"T2006", "The right side of the function application operator ~> must be a function"},
    {"T2007", "Type mismatch when comparing values {{value}} and {{value2}} in order-by clause"},
    {"T2008", "The expressions within an order-by clause must evaluate to numeric or string values"},
    {"T2009",
     "The values {{value}} and {{value2}} either side of operator {{token}} must be of the same data type"},
    {"T2010", "The expressions either side of operator {{token}} must evaluate to numeric or string values"},
    {"T2011", "The insert/update clause of the transform expression must evaluate to an object: {{value}}"},
    {"T2012",
     "The delete clause of the transform expression must evaluate to a string or array of strings: "
     "{{value}}"},
    {"T2013",
     "The transform expression clones the input object using the $clone() function.  This has been "
     "overridden in "
     "the current scope by a non-function."},
    {"U1001", "The expression is nested too deeply"},
};

// The text that replaces a field in braces: as JSON for two braces, as it is for three.
std::string filling(const Raised& raised, std::string_view field, bool as_json) {
    const std::string token = raised.token.value_or("");
    if (field == "token") return as_json ? quoted(token) : token;
    if (field == "index") return as_json ? std::to_string(raised.index) : "";
    return field == "value2" ? raised.value2 : raised.value;
}

// The sentence with all fields in braces replaced. Braces in the replacements are left alone.
std::string filled(std::string_view sentence, const Raised& raised) {
    std::string out;
    for (;;) {
        const std::size_t open = sentence.find("{{");
        const std::size_t close = open == sentence.npos ? open : sentence.find("}}", open);
        if (close == sentence.npos) break;
        const bool three = sentence.substr(open, 3) == "{{{";
        const std::size_t begin = open + (three ? 3 : 2);
        out += sentence.substr(0, open);
        out += filling(raised, sentence.substr(begin, close - begin), !three);
        sentence.remove_prefix(close + (three ? 3 : 2));
    }
    return out += sentence;
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string out;
    append_quoted(text, out);
    return out;
}

std::string message_of(const Raised& raised) {
    if (!raised.message.empty()) return raised.message;
    const auto* found = std::lower_bound(
        std::begin(kSentences), std::end(kSentences), std::string_view(raised.code),
        [](const Sentence& sentence, std::string_view code) { return sentence.code < code; });
    if (found == std::end(kSentences) || found->code != raised.code) return raised.code;
    return filled(found->text, raised);
}

const char* limit_sentence(BudgetExceeded::Of limit) noexcept {
    switch (limit) {
        case BudgetExceeded::Of::Depth:
            return "Stack overflow error: Check for non-terminating recursive function. Consider rewriting "
                   "as "
                   "tail-recursive";
        case BudgetExceeded::Of::Bytes:
            return "Expression evaluation memory limit exceeded: Check for excessive memory usage";
        case BudgetExceeded::Of::Steps:
            break;
    }
    return "Expression evaluation timeout: Check for infinite loop";
}

Error to_error(const Raised& raised, std::string_view expression) {
    Error error;
    error.code = raised.code;
    error.token = for_message(raised.token.value_or(""));
    error.message = for_message(message_of(raised));
    if (raised.position) error.position = utf16_length(expression.substr(0, *raised.position));
    return error;
}

}  // namespace flowctl::jsonata
