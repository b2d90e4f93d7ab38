-- Health of a ComputeInstance, ComputeProvider or ClusterComputeProvider for Argo CD, which does not read kstatus by
-- itself. The status is kstatus-shaped.
local health = {status = "Progressing", message = "Waiting for the operator"}
local status = obj.status
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Deleting: instances that use it go first"
  if obj.kind == "ComputeInstance" then
    health.message = "Deleting: the machine is being ended"
  end
  return health
end
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the last change yet"
  return health
end
local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local ready, reconciling, stalled = conditions.Ready, conditions.Reconciling, conditions.Stalled
if stalled ~= nil and stalled.status == "True" and not (reconciling ~= nil and reconciling.status == "True") then
  return {status = "Degraded", message = stalled.message}
end
if ready ~= nil then
  health.message = ready.reason .. ": " .. (ready.message or "")
  if ready.status == "True" and not (reconciling ~= nil and reconciling.status == "True") then
    health.status = ready.reason == "Stopped" and "Suspended" or "Healthy"
  end
end
return health
