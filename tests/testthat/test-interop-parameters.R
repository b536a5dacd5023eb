skip_if_not_installed("parameters")
skip_if_not_installed("insight")

test_that("the table of parameters is that of lmer's fit", {
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "fixed")))
  expect_as_lmer(data.frame(parameters::model_parameters(x)))
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "random",
    group_level = TRUE)))
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "fixed",
    ci_method = "normal", ci = 0.9)))
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "fixed",
    p_adjust = "holm")))
})

test_that("with our degrees of freedom it has lmerTest's and pbkrtest's numbers", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "fixed",
    ci_method = "satterthwaite")))
  expect_as_lmer(data.frame(parameters::model_parameters(x, ci_method = "satterthwaite")))
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "fixed",
    ci_method = "kenward")), unweighted)
  expect_as_lmer(data.frame(parameters::model_parameters(x, effects = "fixed",
    ci_method = "satterthwaite", p_adjust = "bonferroni")), "cake")
  expect_as_lmer(parameters::dof_satterthwaite(x))
  expect_as_lmer(as.vector(parameters::dof(x)), unweighted)
  expect_as_lmer(parameters::p_value(x, method = "kenward"), unweighted)
  expect_rlmm_error(parameters::model_parameters(interop_fits("slope")$ours,
    ci_method = "satterthwaite", exponentiate = TRUE), "bad_argument", "Satterthwaite")
})

test_that("parts of it", {
  expect_as_lmer(parameters::ci(x))
  expect_as_lmer(parameters::p_value(x))
  expect_as_lmer(parameters::standard_error(x))
  # two terms of one factor, as (x || g) has, stop parameters, of lmer's fit as well
  expect_as_lmer(unclass(parameters::standard_error(x, effects = "random")),
    setdiff(names(interop_models), "split"))
  expect_as_lmer(parameters::equivalence_test(x)$Equivalence_fixed)
  expect_as_lmer(data.frame(parameters::ci(x, method = "profile")),
    c("penicillin", "slope", "weighted", "deficient", "oats"), tolerance = 1e-3)
  ours <- parameters::bootstrap_model(interop_fits("slope")$ours, iterations = 3)
  expect_equal(dim(ours), c(3L, 2L))
  expect_equal(dim(parameters::simulate_model(interop_fits("slope")$ours, iterations = 3)),
    c(3L, 2L))
})

test_that("standardised coefficients are of the standardised data", {
  skip_if_not_installed("datawizard")
  skip_if_not_installed("effectsize")
  expect_as_lmer(data.frame(effectsize::standardize_parameters(x)),
    setdiff(names(interop_models), "deficient"))
  expect_as_lmer(lme4::fixef(datawizard::standardize(x)))
})
