// Reads a configuration through the agent, with OpenFeature's SDK.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"example/client/ofrep"
	"github.com/open-feature/go-sdk/openfeature"
)

func main() {
	token, err := os.ReadFile(os.Getenv("AGENT_TOKEN_FILE"))
	if err != nil {
		panic(err)
	}
	agent := ofrep.Provider{URL: os.Getenv("AGENT_URL"), Token: strings.TrimSpace(string(token))}
	if err := openfeature.SetProviderAndWait(agent); err != nil {
		panic(err)
	}
	flags := openfeature.NewClient("support")
	user := openfeature.NewEvaluationContext("user-1", nil) // the unit of a rollout

	ctx := context.Background()
	whole, err := flags.ObjectValueDetails(ctx, "support_chat", map[string]any{}, user)
	if err != nil {
		panic(err)
	}
	temperature, err := flags.FloatValue(ctx, "support_chat/generation/temperature", 0, user)
	if err != nil {
		panic(err)
	}
	fmt.Printf("release %v (%s), temperature %v\n", whole.FlagMetadata["release"], whole.Variant, temperature)
}
