// JSON Schema, draft 7: keywords, pointers, references, and what is refused or bounded.
#include <gtest/gtest.h>

#include <string>

#include "core/json.hpp"
#include "core/schema/json_schema.hpp"

namespace flowctl::schema {
namespace {

json::Value parsed(const std::string& text) {
    return json::parse(text).value();
}

// "" where the value is valid, else "pointer: message".
std::string check(const std::string& schema, const std::string& value) {
    const auto compiled = Schema::compile(parsed(schema));
    if (!compiled) return "schema " + compiled.error().pointer + ": " + compiled.error().message;
    Budget budget(Schema::kLimits);
    const auto problem = compiled->check(parsed(value), budget);
    return problem ? problem->pointer + ": " + problem->message : "";
}

#define EXPECT_VALID(schema, value) EXPECT_EQ(check(schema, value), "")
#define EXPECT_INVALID(schema, value) EXPECT_NE(check(schema, value), "") << schema << " " << value

TEST(JsonSchema, Types) {
    EXPECT_VALID("{}", "1");
    EXPECT_VALID("true", "1");
    EXPECT_EQ(check("false", "1"), ": is not allowed here");
    EXPECT_EQ(check(R"({"type": "integer"})", "1.5"), ": is not of type integer");
    EXPECT_VALID(R"({"type": "integer"})", "1.0");
    EXPECT_VALID(R"({"type": "integer"})", "123456789012345678901234567890");
    EXPECT_VALID(R"({"type": "number"})", "1");
    EXPECT_EQ(check(R"({"type": ["string", "null"]})", "1"), ": is not of type string or null");
    EXPECT_VALID(R"({"type": ["string", "null"]})", "null");
    EXPECT_INVALID(R"({"type": "object"})", "[]");
    EXPECT_INVALID(R"({"type": "boolean"})", "0");
}

TEST(JsonSchema, Values) {
    EXPECT_VALID(R"({"enum": [1, "a", {"x": [null]}]})", R"({"x": [null]})");
    EXPECT_EQ(check(R"({"enum": [1, "a"]})", "2"), ": is none of the values that enum lists");
    EXPECT_VALID(R"({"const": 1})", "1.0");
    EXPECT_INVALID(R"({"const": 1})", "\"1\"");
    EXPECT_EQ(check(R"({"minimum": 0})", "-1"), ": is less than 0");
    EXPECT_VALID(R"({"minimum": 0, "maximum": 0})", "0");
    EXPECT_INVALID(R"({"exclusiveMinimum": 0})", "0");
    EXPECT_INVALID(R"({"exclusiveMaximum": 1.5})", "1.5");
    EXPECT_VALID(R"({"maximum": 9007199254740993})", "9007199254740993");
    EXPECT_INVALID(R"({"maximum": 9007199254740992})", "9007199254740993");
    EXPECT_VALID(R"({"multipleOf": 0.01})", "4.35");
    EXPECT_INVALID(R"({"multipleOf": 0.01})", "4.355");
    EXPECT_INVALID(R"({"multipleOf": 7})", "15");
    EXPECT_VALID(R"({"minimum": 5})", "\"a\"");
}

TEST(JsonSchema, Texts) {
    EXPECT_VALID(R"({"maxLength": 3, "minLength": 3})", "\"äöü\"");
    EXPECT_EQ(check(R"({"minLength": 2})", "\"a\""), ": is shorter than 2 characters");
    EXPECT_INVALID(R"({"maxLength": 2})", "\"abc\"");
    EXPECT_VALID(R"({"pattern": "b+"})", "\"abbc\"");
    EXPECT_EQ(check(R"({"pattern": "^b+$"})", "\"abbc\""), ": does not match the pattern ^b+$");
    EXPECT_VALID(R"({"format": "date-time"})", "\"2026-01-31T09:05:00.5+01:00\"");
    EXPECT_INVALID(R"({"format": "date-time"})", "\"2026-02-31T09:05:00Z\"");
    EXPECT_VALID(R"({"format": "date"})", "\"2024-02-29\"");
    EXPECT_EQ(check(R"({"format": "date"})", "\"2023-02-29\""), ": is not of format date");
    EXPECT_VALID(R"({"format": "time"})", "\"23:59:59Z\"");
    EXPECT_INVALID(R"({"format": "time"})", "\"25:00:00Z\"");
    EXPECT_VALID(R"({"format": "uuid"})", "\"01234567-89ab-cdef-0123-456789ABCDEF\"");
    EXPECT_INVALID(R"({"format": "uuid"})", "\"01234567-89ab-cdef-0123-456789ABCDEG\"");
    EXPECT_VALID(R"({"format": "email"})", "\"a@b\"");
    EXPECT_INVALID(R"({"format": "email"})", "\"a b@c\"");
    EXPECT_VALID(R"({"format": "ipv4"})", "\"127.0.0.1\"");
    EXPECT_INVALID(R"({"format": "ipv4"})", "\"127.0.0.256\"");
    EXPECT_INVALID(R"({"format": "ipv4"})", "\"127.0.0\"");
    EXPECT_VALID(R"({"format": "ipv6"})", "\"::1\"");
    EXPECT_VALID(R"({"format": "ipv6"})", "\"::ffff:1.2.3.4\"");
    EXPECT_INVALID(R"({"format": "ipv6"})", "\"1::2::3\"");
    EXPECT_INVALID(R"({"format": "ipv6"})", "\"12345::\"");
    EXPECT_VALID(R"({"format": "whatever"})", "\"x\"");
}

TEST(JsonSchema, Arrays) {
    EXPECT_EQ(check(R"({"items": {"type": "string"}})", R"(["a", 1])"), "/1: is not of type string");
    EXPECT_VALID(R"({"items": [{"type": "string"}, {"type": "integer"}]})", R"(["a", 1, null])");
    EXPECT_EQ(check(R"({"items": [{"type": "string"}], "additionalItems": false})", R"(["a", 1])"),
              "/1: is not allowed here");
    EXPECT_VALID(R"({"additionalItems": false})", "[1]");
    EXPECT_INVALID(R"({"minItems": 1})", "[]");
    EXPECT_INVALID(R"({"maxItems": 1})", "[1, 2]");
    EXPECT_VALID(R"({"contains": {"const": 2}})", "[1, 2]");
    EXPECT_INVALID(R"({"contains": {"const": 2}})", "[]");
    EXPECT_EQ(check(R"({"uniqueItems": true})", R"([1, {"a": 1, "b": 2}, {"b": 2, "a": 1.0}])"),
              "/2: is an item for the second time");
    EXPECT_VALID(R"({"uniqueItems": true})", R"([1, "1", true, [1], [2]])");
}

TEST(JsonSchema, Objects) {
    EXPECT_EQ(check(R"({"required": ["a"]})", "{}"), ": has no member \"a\"");
    EXPECT_EQ(check(R"({"properties": {"a": {"properties": {"b/c": {"type": "null"}}}}})", R"({"a": {"b/c": 1}})"),
              "/a/b~1c: is not of type null");
    EXPECT_EQ(check(R"({"properties": {"a": {}}, "additionalProperties": false})", R"({"a": 1, "b": 2})"),
              "/b: is a member that the schema does not have");
    EXPECT_VALID(R"({"patternProperties": {"^x-": {}}, "additionalProperties": false})", R"({"x-a": 1})");
    EXPECT_INVALID(R"({"patternProperties": {"^x-": {"type": "string"}}})", R"({"x-a": 1})");
    EXPECT_INVALID(R"({"additionalProperties": {"type": "string"}})", R"({"a": 1})");
    EXPECT_INVALID(R"({"minProperties": 1})", "{}");
    EXPECT_INVALID(R"({"maxProperties": 1})", R"({"a": 1, "b": 2})");
    EXPECT_INVALID(R"({"propertyNames": {"maxLength": 1}})", R"({"ab": 1})");
    EXPECT_INVALID(R"({"dependencies": {"a": ["b"]}})", R"({"a": 1})");
    EXPECT_INVALID(R"({"dependencies": {"a": {"required": ["b"]}}})", R"({"a": 1})");
    EXPECT_VALID(R"({"dependencies": {"a": ["b"]}})", R"({"c": 1})");
}

TEST(JsonSchema, Combinations) {
    EXPECT_INVALID(R"({"allOf": [{"minimum": 1}, {"maximum": 2}]})", "3");
    EXPECT_VALID(R"({"anyOf": [{"type": "string"}, {"minimum": 2}]})", "3");
    EXPECT_EQ(check(R"({"anyOf": [{"type": "string"}, {"minimum": 2}]})", "1"), ": fits none of the schemas in anyOf");
    EXPECT_EQ(check(R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})", "3"),
              ": fits 2 of the schemas in oneOf, and not one");
    EXPECT_VALID(R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})", "1");
    EXPECT_INVALID(R"({"not": {"type": "string"}})", "\"a\"");
    const char* const conditional = R"({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}})";
    EXPECT_VALID(conditional, R"({"a": 1, "b": 1})");
    EXPECT_INVALID(conditional, R"({"a": 1})");
    EXPECT_VALID(conditional, R"({"c": 1})");
    EXPECT_INVALID(conditional, "{}");
    EXPECT_VALID(R"({"then": false})", "1");
}

TEST(JsonSchema, References) {
    const char* const list =
        R"({"definitions": {"list": {"properties": {"next": {"$ref": "#/definitions/list"}, "v": {"type": "integer"}}}}, "$ref": "#/definitions/list"})";
    EXPECT_VALID(list, R"({"v": 1, "next": {"v": 2}})");
    EXPECT_EQ(check(list, R"({"v": 1, "next": {"v": "x"}})"), "/next/v: is not of type integer");
    EXPECT_VALID(R"({"properties": {"tree": {"$ref": "#"}}})", R"({"tree": {"tree": {}}})");
    EXPECT_INVALID(R"({"definitions": {"a": {"$id": "#name", "type": "null"}}, "items": {"$ref": "#name"}})", "[1]");
    EXPECT_INVALID(R"({"$id": "http://x/y", "definitions": {"a b": false}, "items": {"$ref": "http://x/y#/definitions/a%20b"}})", "[1]");
    // What stands beside a reference does not count.
    EXPECT_VALID(R"({"definitions": {"a": {}}, "$ref": "#/definitions/a", "type": "null"})", "1");
}

TEST(JsonSchema, RefusedSchemas) {
    const auto refused = [](const std::string& schema) { return check(schema, "null"); };
    EXPECT_EQ(refused("[]"), "schema : is not a schema, which is an object, true or false");
    EXPECT_EQ(refused(R"({"type": "text"})"),
              "schema /type: is not one of null, boolean, number, integer, string, array, object");
    EXPECT_EQ(refused(R"({"properties": {"a": {"minLength": -1}}})"),
              "schema /properties/a/minLength: is not a whole number from 0");
    EXPECT_EQ(refused(R"({"required": "a"})"), "schema /required: is not an array of texts");
    EXPECT_EQ(refused(R"({"items": 1})"), "schema /items: is not a schema, which is an object, true or false");
    EXPECT_EQ(refused(R"({"$ref": "http://example.com/x.json"})"),
              "schema /$ref: leads out of the schema; only references such as #/definitions/x are followed");
    EXPECT_EQ(refused(R"({"$ref": "#/definitions/x"})"), "schema /$ref: leads to a place that is not there");
    EXPECT_EQ(refused(R"({"$ref": "#"})"), "schema : refers to itself without end");
    EXPECT_EQ(refused(R"({"definitions": {"a": {"allOf": [{"$ref": "#/definitions/b"}]}, "b": {"not": {"$ref": "#/definitions/a"}}}})")
                  .substr(0, 19),
              "schema /definitions");
    EXPECT_NE(refused(R"({"pattern": "(a)\\1"})"), "");
    EXPECT_NE(refused(R"({"pattern": "("})"), "");
    EXPECT_NE(refused(R"({"$schema": "http://json-schema.org/draft-04/schema#"})"), "");
    EXPECT_EQ(refused(R"({"$schema": "http://json-schema.org/draft-07/schema#", "type": "null"})"), "");
    EXPECT_NE(refused(R"({"multipleOf": 0})"), "");
    EXPECT_NE(refused(R"({"anyOf": []})"), "");
    EXPECT_NE(refused("{\"const\": \"" + std::string(Schema::kMaxBytes, 'x') + "\"}"), "");
    std::string deep = "true";
    for (int i = 0; i < 200; i++)
        deep = "{\"not\": " + deep + "}";
    EXPECT_NE(refused(deep), "");
    std::string many = "{\"allOf\": [true";
    for (int i = 0; i < 6000; i++)
        many += ",true";
    EXPECT_NE(refused(many + "]}"), "");
    EXPECT_NE(refused(R"({"pattern": "((a{1,1000}){1,1000}){1,1000}"})"), "");
    const std::string name(Schema::kMaxPointerBytes - 20, 'n');
    EXPECT_EQ(refused("{\"properties\": {\"" + name + "\": true}}"), "");
    EXPECT_EQ(refused("{\"properties\": {\"" + name + name + "\": true}}").substr(0, 31),
              "schema /properties: has a membe");
}

// Whatever is checked comes to an end: a budget that is used up throws.
TEST(JsonSchema, Bounds) {
    const auto runs_out = [](const std::string& schema, const std::string& value) {
        const auto compiled = Schema::compile(parsed(schema));
        EXPECT_TRUE(compiled.ok()) << schema;
        Budget budget(Schema::kLimits);
        try {
            (void)compiled->check(parsed(value), budget);
        } catch (const BudgetExceeded&) {
            return true;
        }
        return false;
    };
    // Each level doubles the work.
    std::string bomb = R"({"definitions": {"a0": {"type": "integer"})";
    for (int i = 1; i < 40; i++) {
        const std::string below = R"({"$ref": "#/definitions/a)" + std::to_string(i - 1) + "\"}";
        bomb += ",\"a" + std::to_string(i) + "\": {\"allOf\": [" + below + "," + below + "]}";
    }
    EXPECT_TRUE(runs_out(bomb + R"(}, "$ref": "#/definitions/a39"})", "1"));
    std::string deep = "{}";
    for (int i = 0; i < 600; i++)
        deep = "{\"a\": " + deep + "}";
    EXPECT_TRUE(runs_out(R"({"properties": {"a": {"$ref": "#"}}})", deep));
    // A long chain of references, which must not be a recursion as deep.
    std::string chain = R"({"$ref": "#/d/0", "d": {)";
    for (int i = 0; i < 2450; i++)
        chain += "\"" + std::to_string(i) + R"(": {"items": {"$ref": "#/d/)" + std::to_string(i + 1) + "\"}},";
    EXPECT_FALSE(runs_out(chain + R"("2450": {}}})", "[[[]]]"));
    // Each choice is looked at, also one of another kind.
    std::string choices = "[\"a\"";
    std::string numbers = "[0";
    for (int i = 1; i < 20000; i++) {
        choices += ",\"\"";
        numbers += ",0";
    }
    EXPECT_TRUE(runs_out(R"({"items": {"enum": )" + choices + ",0]}}", numbers + "]"));
    // A pattern that takes a backtracking matcher forever.
    EXPECT_FALSE(runs_out(R"({"pattern": "^(a+)+$"})", "\"" + std::string(2000, 'a') + "!\""));
    std::string items = "[0";
    for (int i = 1; i < 20000; i++)
        items += "," + std::to_string(i);
    EXPECT_FALSE(runs_out(R"({"uniqueItems": true})", items + "]"));
}

}  // namespace
}  // namespace flowctl::schema
