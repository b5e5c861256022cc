// Package ofrep is a provider for OpenFeature's Go SDK that asks an agent. It does what
// go-sdk-contrib/providers/ofrep does, for where that module can't be had.
package ofrep

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/open-feature/go-sdk/openfeature"
)

// Provider evaluates flags at an agent's address, with its token.
type Provider struct{ URL, Token string }

type answer struct {
	Value        json.RawMessage
	Reason       openfeature.Reason
	Variant      string
	Metadata     openfeature.FlagMetadata
	ErrorCode    openfeature.ErrorCode
	ErrorDetails string
}

func (p Provider) ask(ctx context.Context, flag string, flat openfeature.FlattenedContext) (said answer, err error) {
	body, err := json.Marshal(map[string]any{"context": flat})
	if err != nil {
		return said, err
	}
	url := p.URL + "/ofrep/v1/evaluate/flags/" + flag
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return said, err
	}
	request.Header.Set("Authorization", "Bearer "+p.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return said, err
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&said)
	if response.StatusCode != http.StatusOK && said.ErrorCode == "" {
		said.ErrorCode, said.ErrorDetails = openfeature.GeneralCode, response.Status
	}
	return said, err
}

func evaluate[T any](ctx context.Context, p Provider, flag string, fallback T, flat openfeature.FlattenedContext) openfeature.GenericResolutionDetail[T] {
	said, err := p.ask(ctx, flag, flat)
	detail := openfeature.ProviderResolutionDetail{
		Reason: said.Reason, Variant: said.Variant, FlagMetadata: said.Metadata,
	}
	value := fallback
	switch {
	case err != nil:
		detail.ResolutionError = openfeature.NewGeneralResolutionError(err.Error())
	case said.ErrorCode == openfeature.FlagNotFoundCode:
		detail.ResolutionError = openfeature.NewFlagNotFoundResolutionError(said.ErrorDetails)
	case said.ErrorCode == openfeature.InvalidContextCode:
		detail.ResolutionError = openfeature.NewInvalidContextResolutionError(said.ErrorDetails)
	case said.ErrorCode != "":
		detail.ResolutionError = openfeature.NewGeneralResolutionError(said.ErrorDetails)
	case said.Value != nil:
		if err := json.Unmarshal(said.Value, &value); err != nil {
			value = fallback
			detail.ResolutionError = openfeature.NewTypeMismatchResolutionError(err.Error())
		}
	}
	return openfeature.GenericResolutionDetail[T]{Value: value, ProviderResolutionDetail: detail}
}

func (p Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "ofrep"} }

func (p Provider) Hooks() []openfeature.Hook { return nil }

func (p Provider) BooleanEvaluation(ctx context.Context, flag string, fallback bool, flat openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	return evaluate(ctx, p, flag, fallback, flat)
}

func (p Provider) StringEvaluation(ctx context.Context, flag string, fallback string, flat openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return evaluate(ctx, p, flag, fallback, flat)
}

func (p Provider) FloatEvaluation(ctx context.Context, flag string, fallback float64, flat openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return evaluate(ctx, p, flag, fallback, flat)
}

func (p Provider) IntEvaluation(ctx context.Context, flag string, fallback int64, flat openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return evaluate(ctx, p, flag, fallback, flat)
}

func (p Provider) ObjectEvaluation(ctx context.Context, flag string, fallback any, flat openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return evaluate(ctx, p, flag, fallback, flat)
}
