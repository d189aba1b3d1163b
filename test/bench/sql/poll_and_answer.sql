SELECT flowctl.send_task_success(task_token, '1') FROM flowctl.get_activity_task('bench', 'w', '5 s');
