-- Health of a ComputeProvider or ClusterComputeProvider for Argo CD.
local health = {status = "Progressing", message = "Waiting for the operator"}
local status = obj.status
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Deleting: instances that use it go first"
  return health
end
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the last change yet"
  return health
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Stalled" and condition.status == "True" then
    return {status = "Degraded", message = condition.message}
  end
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    if condition.status == "True" then
      return {status = "Healthy", message = condition.message}
    end
    health.message = condition.reason .. ": " .. (condition.message or "")
  end
end
return health
