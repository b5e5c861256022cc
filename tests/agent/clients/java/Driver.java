// Evaluates flags as the test asks on standard input, a line of JSON each, and answers likewise.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import dev.openfeature.contrib.providers.ofrep.OfrepProvider;
import dev.openfeature.contrib.providers.ofrep.OfrepProviderOptions;
import dev.openfeature.sdk.Client;
import dev.openfeature.sdk.EvaluationContext;
import dev.openfeature.sdk.FlagEvaluationDetails;
import dev.openfeature.sdk.ImmutableContext;
import dev.openfeature.sdk.OpenFeatureAPI;
import dev.openfeature.sdk.Value;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Driver {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    var token = ImmutableList.of("Bearer " + arguments[1]);
    var options = OfrepProviderOptions.builder()
        .baseUrl(arguments[0])
        .headers(ImmutableMap.of("Authorization", token));
    OpenFeatureAPI.getInstance()
        .setProviderAndWait(OfrepProvider.constructProvider(options.build()));
    Client client = OpenFeatureAPI.getInstance().getClient();
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      List<Map<String, Object>> said = new ArrayList<>();
      for (JsonNode asked : JSON.readTree(line)) said.add(answer(client, asked));
      System.out.write((JSON.writeValueAsString(said) + "\n").getBytes(StandardCharsets.UTF_8));
      System.out.flush();
    }
    System.exit(0);
  }

  static Map<String, Object> answer(Client client, JsonNode asked) throws Exception {
    EvaluationContext unit = asked.has("key")
        ? new ImmutableContext(asked.get("key").asText())
        : new ImmutableContext();
    JsonNode otherwise = asked.get("default");
    String flag = asked.get("flag").asText();
    FlagEvaluationDetails<?> details;
    switch (asked.get("type").asText()) {
      case "boolean":
        details = client.getBooleanDetails(flag, otherwise.asBoolean(), unit);
        break;
      case "string":
        details = client.getStringDetails(flag, otherwise.asText(), unit);
        break;
      case "integer":
        details = client.getIntegerDetails(flag, otherwise.asInt(), unit);
        break;
      case "float":
        details = client.getDoubleDetails(flag, otherwise.asDouble(), unit);
        break;
      default:
        Object object = JSON.convertValue(otherwise, Object.class);
        details = client.getObjectDetails(flag, Value.objectToValue(object), unit);
    }
    Map<String, Object> said = new HashMap<>();
    said.put("value", plain(details.getValue()));
    said.put("reason", details.getReason());
    said.put("variant", details.getVariant());
    said.put("code", details.getErrorCode() == null ? null : details.getErrorCode().toString());
    Map<String, Object> metadata = new HashMap<>();
    for (String name : List.of("model", "environment", "digest")) {
      metadata.put(name, details.getFlagMetadata().getString(name));
    }
    metadata.put("release", details.getFlagMetadata().getInteger("release"));
    said.put("metadata", metadata);
    return said;
  }

  static Object plain(Object value) {
    if (!(value instanceof Value)) return value;
    Value one = (Value) value;
    if (one.isStructure()) {
      Map<String, Object> fields = new HashMap<>();
      one.asStructure().asMap().forEach((name, item) -> fields.put(name, plain(item)));
      return fields;
    }
    if (one.isList()) {
      List<Object> items = new ArrayList<>();
      one.asList().forEach(item -> items.add(plain(item)));
      return items;
    }
    return one.asObject();
  }
}
