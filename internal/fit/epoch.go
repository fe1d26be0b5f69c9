package fit

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"lutra/internal/data"
	"lutra/internal/network"
	"lutra/internal/tensor"
	"lutra/internal/train"
)

// position is how far a training has come; its JSON lies in the checkpoint.
type position struct {
	Epoch   int     `json:"epoch"` // epochs finished
	Batch   int     `json:"batch"` // batches of the present epoch done
	Loss    float64 `json:"loss"`  // sum over them
	Right   int     `json:"right"` // samples of them whose best class is the label, or the teacher's
	Seconds float64 `json:"seconds"`
	History History `json:"history"`
	// Piece is the sum of losses since the last point of the history.
	Piece    float64 `json:"piece"`
	InPiece  int     `json:"in_piece"`
	BestTest int     `json:"best"`  // epoch of the best test, from 1; 0: none
	Codes    int     `json:"codes"` // changed in the present epoch
	// Reassigned is the step after which codes were last changed.
	Reassigned int `json:"reassigned"`
	Clustered  int `json:"clustered"` // likewise weights
	Pieces     int `json:"pieces"`    // reconstructed; -1: all
}

// points is the number of points of the loss curve in an epoch.
const points = 20

// epoch trains one epoch, or the rest of one, and tests.
func (j *job) epoch(ctx context.Context) error {
	j.begun = time.Now()
	per := j.src.PerEpoch()
	err := j.src.Epoch(ctx, j.at.Epoch, j.at.Batch, func(_ int, b *data.Batch) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := j.step(ctx, b); err != nil {
			return err
		}
		if j.o.Checkpoint != "" && time.Since(j.saved) >= j.o.Every && j.at.Batch < per {
			return j.save()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := j.pending(ctx); err != nil {
		return err
	}
	record := EpochRecord{
		Epoch: j.at.Epoch + 1, Step: j.trainer.Steps(), Loss: j.at.Loss / float64(per),
		LearningRate: j.trainer.Schedule.Rate(j.trainer.Steps() - 1), Codes: j.at.Codes,
	}
	if j.task == network.Classify {
		record.Top1 = float64(j.at.Right) / float64(per*j.o.Batch)
	}
	if j.test != nil {
		if err := j.measure(ctx, &record); err != nil {
			return err
		}
	}
	best, improved := j.best, j.improved(&record)
	if improved {
		if best, err = stateOf(ctx, j.trainer); err != nil {
			return err
		}
	}
	record.Seconds = j.at.Seconds + time.Since(j.begun).Seconds()
	j.begun = time.Now()
	j.at.History.Epochs = append(j.at.History.Epochs, record)
	j.at.Epoch, j.at.Batch, j.at.Loss, j.at.Right, j.at.Seconds, j.at.Codes = j.at.Epoch+1, 0, 0, 0, 0, 0
	if improved {
		j.at.BestTest, j.best = j.at.Epoch, best
	}
	if err := j.save(); err != nil {
		return err
	}
	if j.o.Record != nil {
		return j.o.Record(&j.at.History)
	}
	return nil
}

// improved says whether r is to be kept in place of what was best before.
func (j *job) improved(r *EpochRecord) bool {
	if j.test == nil || !j.o.KeepBest && !j.o.Baseline {
		return false
	}
	best := j.at.History.before()
	if j.at.BestTest > 0 {
		best = &j.at.History.Epochs[j.at.BestTest-1]
	}
	switch {
	case best == nil:
		return true
	case j.o.Baseline:
		return *r.TestLoss < *best.TestLoss
	}
	return r.better(*best)
}

// baseline tests the network as it is, once.
func (j *job) baseline(ctx context.Context) error {
	if !j.o.Baseline || j.at.History.Start != nil {
		return nil
	}
	if j.test == nil {
		return fmt.Errorf("test data: expected some to compare the network with itself before the training")
	}
	record := EpochRecord{}
	if err := j.measure(ctx, &record); err != nil {
		return err
	}
	best, err := stateOf(ctx, j.trainer)
	if err != nil {
		return err
	}
	j.at.History.Start, j.best = &record, best
	if j.o.Record != nil {
		return j.o.Record(&j.at.History)
	}
	return nil
}

// pending changes weights or codes if it is time: before the next step or test.
func (j *job) pending(ctx context.Context) error {
	if err := j.cluster(ctx); err != nil {
		return err
	}
	return j.reassign(ctx)
}

// step makes one step on a batch.
func (j *job) step(ctx context.Context, b *data.Batch) error {
	if err := j.pending(ctx); err != nil {
		return err
	}
	shape := tensor.Shape{j.o.Batch}
	for _, d := range j.graph.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	x := tensor.Of(b.X, shape...)
	var soft []float32
	if j.teacher != nil {
		var err error
		if soft, err = j.teacher.run(ctx, x); err != nil {
			return err
		}
	}
	undo, err := j.tables.before(ctx, j.trainer)
	if err != nil {
		return err
	}
	rate := j.trainer.Schedule.Rate(j.trainer.Steps())
	right := 0
	loss, err := j.trainer.Step(ctx, map[string]*tensor.Tensor{j.graph.Inputs[0].Name: x}, func(*train.Net) (float64, error) {
		if j.task == network.Classify {
			right = correct(j.output.Data, b.Labels, soft)
		}
		return j.loss(b, soft)
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return cmp.Or(undo(), ctx.Err())
	case err != nil:
		return j.diverged(err)
	}
	j.at.Batch++
	j.at.Loss += loss
	j.at.Right += right
	j.at.Piece += loss
	j.at.InPiece++
	if per := j.src.PerEpoch(); j.at.Batch*points/per > (j.at.Batch-1)*points/per {
		j.at.History.Steps = append(j.at.History.Steps, StepRecord{
			Epoch: float64(j.at.Epoch) + float64(j.at.Batch)/float64(per), Step: j.trainer.Steps(),
			Loss: j.at.Piece / float64(j.at.InPiece), LearningRate: rate,
		})
		j.at.Piece, j.at.InPiece = 0, 0
	}
	if j.o.Progress != nil {
		j.o.Progress(Progress{Epoch: j.at.Epoch + 1, Epochs: j.o.Epochs, Step: j.trainer.Steps(), Steps: j.o.Epochs * j.src.PerEpoch(), Loss: loss})
	}
	return nil
}

// diverged adds where the last good state is.
func (j *job) diverged(err error) error {
	err = fmt.Errorf("epoch %d: %w", j.at.Epoch+1, err)
	if j.o.Checkpoint != "" && j.kept() {
		err = fmt.Errorf("%w; %s keeps the last good state", err, j.o.Checkpoint)
	}
	return err
}

// loss adds the gradient of the batch's loss to the output.
func (j *job) loss(b *data.Batch, soft []float32) (float64, error) {
	switch j.task {
	case network.Reconstruct:
		return train.MSE(j.output, 1, b.X)
	case network.Regress:
		return train.MSE(j.output, 1, b.Targets)
	}
	if soft == nil {
		return train.CrossEntropy(j.output, 1, b.Labels, j.o.LabelSmoothing)
	}
	weight := j.o.TeacherWeight
	for _, l := range b.Labels {
		if l == data.Unlabelled {
			weight = 1
		}
	}
	distilled, err := train.Distillation(j.output, weight, soft, j.o.Temperature)
	if err != nil || weight == 1 {
		return distilled, err
	}
	labelled, err := train.CrossEntropy(j.output, 1-weight, b.Labels, j.o.LabelSmoothing)
	return distilled + labelled, err
}

// correct counts the rows whose largest score is the label's, or without a
// label the teacher's, as in tests.
func correct(scores []float32, labels []int, taught []float32) int {
	right, classes := 0, len(scores)/len(labels)
	for r, label := range labels {
		if label == data.Unlabelled {
			label = argMax(taught[r*classes:][:classes])
		}
		if argMax(scores[r*classes:][:classes]) == label {
			right++
		}
	}
	return right
}

func argMax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
