// The error names that this engine adds to those of AWS and of services. docs/errors.md says what each of
// them means to a user.
#pragma once

namespace flowctl::calls {

inline constexpr const char* kEndpointConfiguration = "Flowctl.EndpointConfiguration";
inline constexpr const char* kInvalidResponse = "Flowctl.InvalidResponse";
inline constexpr const char* kCredentialFailed = "Flowctl.CredentialFailed";
inline constexpr const char* kInteractionRequired = "Flowctl.InteractionRequired";
inline constexpr const char* kSubjectTokenLost = "Flowctl.SubjectTokenLost";

}  // namespace flowctl::calls
