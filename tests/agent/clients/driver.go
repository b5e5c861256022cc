// Evaluates flags as the test asks on standard input, a line of JSON each, and answers likewise.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"example/client/ofrep"
	"github.com/open-feature/go-sdk/openfeature"
)

type question struct {
	Type, Flag string
	Key, ETag  *string
	Default    any
}

func main() {
	if err := openfeature.SetProviderAndWait(ofrep.Provider{URL: os.Args[1], Token: os.Args[2]}); err != nil {
		panic(err)
	}
	client := openfeature.NewClient("driver")
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var asked []question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		said := []map[string]any{}
		for _, one := range asked {
			if one.ETag != nil {
				said = append(said, evaluateAll(*one.ETag))
			} else {
				said = append(said, evaluate(client, one))
			}
		}
		line, err := json.Marshal(said)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
}

// The SDK has no bulk evaluation.
func evaluateAll(etag string) map[string]any {
	address := os.Args[1] + "/ofrep/v1/evaluate/flags"
	request, err := http.NewRequest("POST", address, strings.NewReader("{}"))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Args[2])
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("If-None-Match", etag)
	said, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	said.Body.Close()
	return map[string]any{"status": said.StatusCode, "etag": said.Header.Get("ETag")}
}

func evaluate(client *openfeature.Client, asked question) map[string]any {
	ctx, unit := context.Background(), openfeature.NewTargetlessEvaluationContext(nil)
	if asked.Key != nil {
		unit = openfeature.NewEvaluationContext(*asked.Key, nil)
	}
	var value any
	var detail openfeature.EvaluationDetails
	switch asked.Type {
	case "boolean":
		said, _ := client.BooleanValueDetails(ctx, asked.Flag, asked.Default.(bool), unit)
		value, detail = said.Value, said.EvaluationDetails
	case "string":
		said, _ := client.StringValueDetails(ctx, asked.Flag, asked.Default.(string), unit)
		value, detail = said.Value, said.EvaluationDetails
	case "integer":
		said, _ := client.IntValueDetails(ctx, asked.Flag, int64(asked.Default.(float64)), unit)
		value, detail = said.Value, said.EvaluationDetails
	case "float":
		said, _ := client.FloatValueDetails(ctx, asked.Flag, asked.Default.(float64), unit)
		value, detail = said.Value, said.EvaluationDetails
	default:
		said, _ := client.ObjectValueDetails(ctx, asked.Flag, asked.Default, unit)
		value, detail = said.Value, said.EvaluationDetails
	}
	return map[string]any{
		"value": value, "reason": detail.Reason, "variant": detail.Variant,
		"code": detail.ErrorCode, "metadata": detail.FlagMetadata,
	}
}
