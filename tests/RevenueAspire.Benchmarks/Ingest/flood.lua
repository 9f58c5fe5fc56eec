-- Single events of another caller. Argument: its secret.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"userId":"flood","name":"add_revenue","value":1}'
function init(args) wrk.headers["Authorization"] = args[1] end
request = function() return wrk.format(nil, "/liveEvent") end
