# What users of lme4 know as a message or a peculiarity, with what was decided here; ?rlmm-lme4 and
# the help pages say the same.

quirk_data <- function() {
  d <- method_data()
  d$id <- factor(seq_len(nrow(d)))
  d$one <- factor("a")
  d$text <- as.character(d$Reaction)
  d$hole <- replace(d$Days, 3, NA)
  d$infinite <- replace(d$Reaction, 3, Inf)
  d$huge <- 1e7 * d$Days
  d
}

# A message of lme4: the call that gives it, our class, and what our text must name. Where lme4
# gives a warning because of its search, ours must have nothing to say (class "").
messages <- list(
  list("boundary (singular) fit", quote(rlmm(Yield ~ 1 + (1 | Batch), lme4::Dyestuff2)),
    "rlmm_singular", "1 | Batch"),
  list("failed to converge with max|grad|",
    quote(rlmm(Reaction ~ Days + (Days | Subject), d, control = rlmm_control(max_eval = 1))),
    "rlmm_not_certified", "not certified"),
  list("degenerate Hessian; nearly unidentifiable",
    quote(rlmm(Reaction ~ Days + (Days + Days2 | Subject), d)),
    "rlmm_dependent_effects", c("Days2", "Days + Days2 | Subject", "leave one out")),
  list("some predictor variables are on very different scales",
    quote(rlmm(Reaction ~ huge + (huge | Subject), d)), "", ""),
  list("fixed-effect model matrix is rank deficient",
    quote(rlmm(Reaction ~ Days + Days2 + (1 | Subject), d)), "rlmm_rank_deficient", "Days2"),
  list("the fixed-effects model matrix is column rank deficient",
    quote(rlmm(Reaction ~ Days + Days2 + (1 | Subject), d,
      control = rlmm_control(check = list(rank_X = "stop")))), "rlmm_rank_deficient", "Days2"),
  list("grouping factors must have > 1 sampled level",
    quote(rlmm(Reaction ~ Days + (1 | one), d)), "rlmm_one_level", c("one", "leave")),
  list("number of levels of each grouping factor must be < number of observations",
    quote(rlmm(Reaction ~ Days + (1 | id), d)), "rlmm_too_many_levels", c("id", "check")),
  list("number of observations <= number of random effects",
    quote(rlmm(Reaction ~ Days + (factor(Days) | Subject), d)), "rlmm_too_many_effects",
    c("180 random effects", "check")),
  list("No random effects terms specified in formula",
    quote(rlmm(Reaction ~ Days, d)), "rlmm_no_random_effects", "lm"),
  list("couldn't evaluate grouping factor",
    quote(rlmm(Reaction ~ Days + (1 | planet), d)), "rlmm_missing_variable", "planet"),
  list("NA in Z", quote(rlmm(Reaction ~ 1 + (hole | Subject), d, na.action = na.pass)),
    "rlmm_missing_values", c("hole", "na.omit")),
  list("0 (non-NA) cases",
    quote(rlmm(Reaction ~ Days + (1 | Subject), transform(d, Days = NA_real_))), "rlmm_no_rows",
    "Days"),
  list("NA/NaN/Inf in 'y'", quote(rlmm(infinite ~ Days + (1 | Subject), d)), "rlmm_infinite",
    c("infinite", "3")),
  list("response must be numeric", quote(rlmm(text ~ Days + (1 | Subject), d)), "rlmm_response",
    "text"),
  list("a matrix response", quote(rlmm(cbind(Reaction, Days) ~ 1 + (1 | Subject), d)),
    "rlmm_response", "2 columns"),
  list("bad 'data'", quote(rlmm(Reaction ~ Days + (1 | Subject), as.matrix(1))), "rlmm_data",
    "matrix"),
  list("unused argument", quote(rlmm(Reaction ~ Days + (1 | Subject), d, sparseX = TRUE)),
    "rlmm_bad_argument", "sparseX"),
  list("invalid control level",
    quote(rlmm(Reaction ~ Days + (1 | Subject), d,
      control = rlmm_control(check = list(rank_X = "perhaps")))),
    "rlmm_control", c("rank_X", "ignore")),
  list("incorrect number of theta components",
    quote(rlmm(Reaction ~ Days + (Days | Subject), d, start = 1)), "rlmm_start",
    c("3", "Subject.Days")),
  list("lmer() with family", quote(rlmm(Reaction ~ Days + (1 | Subject), d, family = poisson)),
    "rlmm_family", "glmer"),
  list("new levels detected in newdata",
    quote(predict(fit, data.frame(Days = 1, Subject = "nobody"))), "rlmm_new_levels",
    c("Subject", "nobody", "allow.new.levels")),
  list("grouping factors specified in re.form that were not present in original model",
    quote(predict(fit, re.form = ~ (1 | h))), "rlmm_re_form", c("h", "Subject")),
  list("random effects specified in re.form that were not present in original model",
    quote(predict(fit, re.form = ~ (0 + z | Subject))), "rlmm_re_form", "z"),
  list("NAs are not allowed in prediction data for grouping variables",
    quote(predict(fit, data.frame(Days = 1, Subject = NA))), "rlmm_missing_group",
    c("Subject", "row 1", "allow.new.levels")),
  list("unused arguments ignored", quote(predict(fit, terms = 1)), "rlmm_bad_argument", "terms"),
  list("simulate(newparams = list(beta = 1)) only warns",
    quote(simulate(fit, newparams = list(beta = 1))), "rlmm_newparams", c("beta", "2")),
  list("refitting model(s) with ML", quote(anova(fit, smaller)), "rlmm_comparison",
    c("fit", "smaller", "refitted")),
  list("models were not all fitted to the same size of dataset", quote(anova(fit, fewer)),
    "rlmm_different_data", "fewer"),
  list("some models fit with REML = TRUE, some not",
    quote(anova(fit, by_ml, refit = FALSE)), "rlmm_reml_comparison", "by_ml"),
  list("deviance() is deprecated for REML fits", quote(deviance(fit)), "rlmm_reml_deviance",
    "REMLcrit")
)

# The classes of all that an expression signals, and the texts.
signalled <- function(call, places) {
  found <- list()
  keep <- function(condition) found <<- c(found, list(condition))
  tryCatch(withCallingHandlers(eval(call, places), warning = function(w) {
    keep(w)
    invokeRestart("muffleWarning")
  }, message = function(m) {
    keep(m)
    invokeRestart("muffleMessage")
  }), error = keep)
  found
}

test_that("where lme4 has a message we have one that names what it is about", {
  skip_if_not_installed("lme4")
  d <- quirk_data()
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d)
  places <- list(d = d, fit = fit, smaller = rlmm(Reaction ~ 1 + (Days | Subject), d),
    by_ml = rlmm(Reaction ~ 1 + (Days | Subject), d, REML = FALSE),
    fewer = rlmm(Reaction ~ 1 + (Days | Subject), d[-1, ]))
  for (entry in messages) {
    found <- signalled(entry[[2]], places)
    classes <- vapply(found, function(c) class(c)[1], "")
    if (entry[[3]] == "") {
      expect_equal(classes, character(), label = entry[[1]])
      next
    }
    expect_true(entry[[3]] %in% classes, label = paste(c(entry[[1]], classes), collapse = ": "))
    text <- paste(vapply(found, conditionMessage, ""), collapse = "\n")
    for (name in entry[[4]]) expect_match(text, name, fixed = TRUE, label = entry[[1]])
  }
})

test_that("terms stand in the order of their numbers of levels, ties as in the formula", {
  d <- mixed_data()
  names_of <- function(formula) names(ngrps(suppressMessages(rlmm(formula, d))))
  expect_equal(names_of(y ~ x + (1 | f) + (1 | g)), c("g", "f"))
  expect_equal(names_of(y ~ x + (1 | g) + (1 | f)), c("g", "f"))
  expect_equal(names_of(y ~ x + (1 | o) + (1 | f)), c("o", "f"))
  expect_equal(names_of(y ~ x + (1 | a / b)), c("b:a", "a"))
})

test_that("vcov() takes theta as known, df.residual() counts all parameters", {
  fit <- our_fit("slope")
  expect_equal(vcov(fit), fit$sigma^2 * chol2inv(fit$RX), ignore_attr = TRUE)
  expect_equal(df.residual(fit), 180 - (2 + 3 + 1))
  expect_equal(attr(logLik(fit), "df"), 6)
})

test_that("AIC of a REML fit is that of the REML criterion, extractAIC() that of ML", {
  fit <- our_fit("slope")
  expect_equal(AIC(fit), REMLcrit(fit) + 2 * 6)
  expect_equal(extractAIC(fit), c(6, AIC(our_fit("slope_ml"))), tolerance = 1e-7)
})

test_that("weights are evaluated once, and kept", {
  local <- function() {
    w <- rep(1:2, 90)
    rlmm(Reaction ~ Days + (1 | Subject), sleepstudy, weights = w)
  }
  w <- rep(c(1, 100), 90)
  fit <- local()
  expect_equal(weights(fit), rep(1:2, 90))
  expect_equal(weights(refitML(fit)), rep(1:2, 90))
})

test_that("the first of many simulated responses is the one alone", {
  fit <- our_fit("slope")
  expect_identical(simulate(fit, nsim = 3, seed = 1)$sim_1, simulate(fit, seed = 1)$sim_1)
})
