SELECT flow, status, input FROM flowctl.runs WHERE flow = 'tell_auditor';
